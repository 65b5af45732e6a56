"""Model classes of ours, in the shape of transformers' own."""


def register() -> None:
    """Make transformers' auto classes know ours. Cheap to call again."""
    from glossator.models import llava_hr  # noqa: F401

"""Model classes of ours, in the shape of transformers' own, and how models are put together from parts."""


def register() -> None:
    """Make transformers' auto classes know ours. Cheap to call again."""
    from glossator.models.llava_hr import register as register_llava_hr

    register_llava_hr()

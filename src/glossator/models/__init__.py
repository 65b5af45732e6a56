"""Model classes of ours, in the shape of transformers' own."""


def register() -> None:
    """Make transformers' auto classes know ours."""

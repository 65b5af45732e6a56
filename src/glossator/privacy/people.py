"""Names of persons, by a model of spaCy that the user installs. None comes with Glossator."""

from __future__ import annotations

from functools import cache
from importlib import metadata

from glossator.errors import UsageError
from glossator.privacy.personal import People

_LABELS = frozenset(("PERSON", "PER", "persName"))  # spaCy's labels differ by language
_HOW = "pip install spacy, then python -m spacy download {model}"


def version(model: str) -> str:
    """The installed version of a spaCy model, such as `en_core_web_sm`.

    Raises:
        UsageError: if it is not installed; says how to install it.
    """
    try:
        return metadata.version(model.replace("_", "-"))
    except metadata.PackageNotFoundError as error:
        how = _HOW.format(model=model)
        raise UsageError(f"people_model: the model {model} is not installed: {how}") from error


@cache
def load(model: str) -> People:
    """A function from a text to the start and end of the names in it.

    Raises:
        UsageError: if spaCy or the model is not installed; says how to install them.
    """
    try:
        import spacy

        pipeline = spacy.load(model)
    except (ImportError, OSError) as error:
        how = _HOW.format(model=model)
        raise UsageError(f"people_model: the model {model} can't be loaded ({error}): {how}") from error
    return lambda text: [(name.start_char, name.end_char) for name in pipeline(text).ents if name.label_ in _LABELS]

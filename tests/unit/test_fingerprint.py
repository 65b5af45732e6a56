from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.fingerprint import canonical, fingerprint

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), values))
def test_order_of_keys_does_not_matter(value: dict[str, object]) -> None:
    backwards = dict(reversed(list(value.items())))
    assert fingerprint(value) == fingerprint(backwards)


def test_different_values_differ() -> None:
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    assert fingerprint({"a": None}) != fingerprint({})


def test_is_short_and_stable() -> None:
    assert fingerprint({"stage": "ocr", "version": 1}) == "0902ecb9090dbcbe"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_refuses_what_json_has_no_form_for(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical({"x": value})

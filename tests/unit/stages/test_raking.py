"""How many of each cell: shares exactly where they can be had, the nearest where not, never more than there is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.stages.raking import Margin, rake

HALVES = Margin([0, 1], [0.5, 0.5])
# Four cells: kind A or B, easy or hard.
KIND = [0, 0, 1, 1]
HARD = [0, 1, 0, 1]


def test_the_largest_set_with_the_shares_is_taken() -> None:
    assert rake([100, 30], [HALVES]) == pytest.approx([30, 30], abs=1)


def test_a_size_is_met_with_its_shares() -> None:
    assert rake([100, 30], [HALVES], size=20) == [10, 10]


def test_without_margins_a_size_is_drawn_as_it_comes() -> None:
    assert rake([75, 25], [], size=20) == [15, 5]
    assert rake([75, 25], []) == [75, 25]


def test_a_size_above_what_shares_allow_gives_fewer_or_other_shares() -> None:
    assert sum(rake([100, 30], [HALVES], size=90)) == pytest.approx(60, abs=1)
    assert rake([100, 30], [HALVES], size=90, prefer="size") == [60, 30]
    assert rake([100, 30], [HALVES], prefer="size") == [100, 30]


def test_several_margins_hold_at_once() -> None:
    found = rake([400, 100, 100, 400], [Margin(KIND, [0.3, 0.7]), Margin(HARD, [0.6, 0.4])], size=200)
    assert sum(found) == 200
    assert found[0] + found[1] == pytest.approx(60, abs=1)
    assert found[0] + found[2] == pytest.approx(120, abs=1)


def test_a_scarce_cell_is_made_up_for_by_others() -> None:
    # One hard B only: B's share comes from the easy ones, and A gives the hard ones.
    found = rake([100, 100, 100, 1], [Margin(KIND, [0.5, 0.5]), Margin(HARD, [0.5, 0.5])])
    assert sum(found) >= 198
    assert found[0] + found[1] == pytest.approx(sum(found) / 2, abs=1)


def test_margins_that_contradict_each_other_come_as_near_as_can_be() -> None:
    # All A are easy and all B are hard, so 80 % A and 80 % hard can't be.
    found = rake([100, 0, 0, 100], [Margin(KIND, [0.8, 0.2]), Margin(HARD, [0.2, 0.8])])
    assert 0.2 <= found[0] / sum(found) <= 0.8
    assert sum(found) > 150


def test_a_category_without_a_share_gives_nothing() -> None:
    assert rake([10, 10, 10], [Margin([0, 1, 2], [0.5, 0.5, 0.0])], prefer="size") == [10, 10, 0]


@given(
    st.lists(st.integers(0, 50), min_size=4, max_size=4),
    st.floats(0.05, 0.95),
    st.floats(0.05, 0.95),
    st.none() | st.integers(1, 150),
    st.sampled_from(["shares", "size"]),
)
def test_never_more_than_there_is_nor_than_asked(counts: list[int], a: float, b: float, size: int, prefer: str) -> None:
    found = rake(counts, [Margin(KIND, [a, 1 - a]), Margin(HARD, [b, 1 - b])], size, prefer)  # type: ignore[arg-type]
    assert all(0 <= have <= count for have, count in zip(found, counts, strict=True))
    assert size is None or sum(found) <= size
    assert found == rake(counts, [Margin(KIND, [a, 1 - a]), Margin(HARD, [b, 1 - b])], size, prefer)  # type: ignore[arg-type]

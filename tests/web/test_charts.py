"""Charts: of labels those are written that have room, on a phone too, and none outside."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from hypothesis import example, given
from hypothesis import strategies as st

from upheld.web import charts

AMOUNTS: Final = st.lists(st.integers(0, 10**12), min_size=1, max_size=60)


@example([1_234_560] * 5)
@example([1_500_000_000] * 4)
@example([100] * 24)
@given(AMOUNTS)
def test_labels_of_bars_never_touch_and_the_last_bar_has_one(amounts: list[int]) -> None:
    """However long they are, as wide as a phone writes them, and whatever their bars' heights."""
    rows = [(f"2026-{at % 12 + 1:02}", float(each), f"{each:,}") for at, each in enumerate(amounts)]
    picture = charts.bars("Visits by month", rows)
    assert picture.count("<rect") == len(rows)
    assert f">{rows[-1][2]}</text>" in picture
    texts = re.findall(r'<text x="([0-9.]+)" y="[0-9.]+">([^<]+)</text>', picture)
    for which in (texts[::2], texts[1::2]):  # labels below the bars, and amounts above
        ends = [
            (float(x) - len(text) * charts.LETTER / 2, float(x) + len(text) * charts.LETTER / 2)
            for x, text in which
        ]
        assert all(left >= -0.1 and right <= charts.WIDTH + 0.1 for left, right in ends)
        assert all(before[1] <= after[0] for before, after in pairwise(ends))


def test_the_highest_bar_has_a_label_wherever_it_stands() -> None:
    """It is what whoever looks at a chart asks for first."""
    for top in range(20):
        rows = [
            (str(at), 70.0 if at == top else 5.0, "70" if at == top else "< 10") for at in range(24)
        ]
        assert ">70</text>" in charts.bars("Visits by hour", rows)


def test_a_label_that_is_longer_than_the_chart_ends_in_dots() -> None:
    """The bar says the whole of it to whoever points at it."""
    picture = charts.across("By company", [("Long" * 100, 1.0, "1")])
    (label,) = re.findall(r'<text class="behind" x="0" y="18">([^<]+)</text>', picture)
    assert label.endswith("…")
    assert len(label) * charts.LETTER <= charts.WIDTH
    assert f"<title>{'Long' * 100}: 1</title>" in picture


@given(AMOUNTS)
def test_what_is_written_behind_a_bar_is_not_cut_off(amounts: list[int]) -> None:
    """The longest bar is as long as leaves room for it."""
    rows = [("Name", float(each), f"{each:,}") for each in amounts]
    picture = charts.across("Values by kind", rows)
    behind = re.findall(r'<text class="behind" x="([0-9.]+)" y="[0-9.]+">([^<]+)</text>', picture)
    assert len(behind) == 2 * len(rows)
    assert all(float(x) + len(text) * charts.LETTER <= charts.WIDTH + 0.1 for x, text in behind)

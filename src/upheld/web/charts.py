"""Charts made on the server: an SVG with a title and direct labels; the table stands beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

SPARK_WIDTH, SPARK_HEIGHT, SPARK_EDGE = 120, 28, 3
WIDTH, HEIGHT, FOOT, HEAD = 640, 200, 24, 22
LETTER = 11  # how wide one of a label is at most, as on a phone
LABEL_MAX = 48  # letters of a label over a bar, of which those of a phone are wider
ROOM = 96  # of one bar at most, so that a few are no blocks


def bars(title: str, rows: Sequence[tuple[str, float, str]]) -> Markup:
    """A bar for each (label, amount, amount as said); a chart of nothing is empty.

    Labels that would touch are left out, but never that of the last bar, nor that of the highest
    unless it touches that one.
    """
    if not rows:
        return Markup("")
    most = max(amount for _, amount, _ in rows) or 1
    room = min(WIDTH / len(rows), ROOM)
    longest = max(max(len(label), len(text)) for label, _, text in rows) * LETTER + LETTER
    every = math.ceil(longest / room)
    last, highest = len(rows) - 1, max(range(len(rows)), key=lambda at: rows[at][1])
    places = dict[int, tuple[float, float]]()  # of labels: the middle, and a half of the length
    for at in (last, highest, *range(last, -1, -every)):
        half = max(map(len, rows[at][::2])) * LETTER / 2
        middle = min(max(at * room + room / 2, half), WIDTH - half)  # not over the edge
        if all(abs(middle - x) >= half + other + LETTER / 2 for x, other in places.values()):
            places[at] = middle, half
    shapes, texts = [], []
    for at, (label, amount, text) in enumerate(rows):
        tall = (HEIGHT - FOOT - HEAD) * amount / most
        x, y = at * room + room * 0.15, HEIGHT - FOOT - tall
        shapes.append(
            f'<rect class="bar-of" x="{x:.1f}" y="{y:.1f}" width="{room * 0.7:.1f}"'
            f' height="{tall:.1f}" rx="2"><title>{escape(label)}: {escape(text)}</title></rect>'
        )
        if at in places:
            middle, _ = places[at]
            texts.append(
                f'<text x="{middle:.1f}" y="{HEIGHT - 6}">{escape(label)}</text>'
                f'<text x="{middle:.1f}" y="{y - 5:.1f}">{escape(text)}</text>'
            )
    return Markup(  # noqa: S704 - every text in it is escaped above
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="{escape(title)}">{"".join([*shapes, *texts])}</svg>'
    )


def _length(texts: Iterable[str]) -> int:
    """How long the longest bar may be, that each of some texts has room behind it."""
    return WIDTH - max(ROOM, max((len(each) for each in texts), default=0) * LETTER + 8)


def across(title: str, rows: Sequence[tuple[str, float, str]]) -> Markup:
    """A bar from left to right under each label of (label, amount, as said): for long labels."""
    most = max((amount for _, amount, _ in rows), default=0) or 1
    line, room = 48, _length(text for *_, text in rows)
    parts = []
    for at, (label, amount, text) in enumerate(rows):
        y, wide = at * line + 25, room * amount / most
        short = label if len(label) <= LABEL_MAX else f"{label[: LABEL_MAX - 1]}…"
        parts.append(
            f'<text class="behind" x="0" y="{y - 7}">{escape(short)}</text>'
            f'<rect class="bar-of" x="0" y="{y}" width="{wide:.1f}" height="14" rx="2">'
            f"<title>{escape(label)}: {escape(text)}</title></rect>"
            f'<text class="behind" x="{wide + 8:.1f}" y="{y + 12}">{escape(text)}</text>'
        )
    if not parts:
        return Markup("")
    return Markup(  # noqa: S704 - every text in it is escaped above
        f'<svg class="chart" viewBox="0 0 {WIDTH} {len(rows) * line}" role="img"'
        f' aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )


def intervals(title: str, rows: Sequence[tuple[str, float, float, float, str]]) -> Markup:
    """A bar under each label of (label, amount, lowest, highest, as said), and a line between ends.

    The label lies over its bar, so that on a phone neither is cut off.
    """
    most = max((high for _, _, _, high, _ in rows), default=0) or 1
    line, room = 44, _length(text for *_, text in rows)
    parts = []
    for at, (label, amount, low, high, text) in enumerate(rows):
        y = at * line + 22
        start, end = (room * max(each, 0) / most for each in (low, high))
        wide, middle = room * max(amount, 0) / most, y + 8
        ends = (
            f"M{start:.1f} {middle}H{end:.1f}M{start:.1f} {middle - 5}v10M{end:.1f} {middle - 5}v10"
        )
        parts.append(
            f'<text class="behind" x="0" y="{y - 6}">{escape(label)}</text>'
            f'<rect class="bar-of" x="0" y="{y}" width="{wide:.1f}" height="16" rx="2">'
            f"<title>{escape(label)}: {escape(text)}</title></rect>"
            f'<path class="span edge" d="{ends}"/><path class="span" d="{ends}"/>'
            f'<text class="behind" x="{max(end, wide) + 8:.1f}" y="{y + 13}">{escape(text)}</text>'
        )
    if not parts:
        return Markup("")
    return Markup(  # noqa: S704 - every text in it is escaped above
        f'<svg class="chart" viewBox="0 0 {WIDTH} {len(rows) * line + 4}" role="img"'
        f' aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )


def spark(amounts: Sequence[float]) -> Markup:
    """A line of amounts in the order of time, the last one marked; nothing for fewer than two.

    It is hidden from whoever listens: what it shows stands beside it in words.
    """
    if len(amounts) < 2:
        return Markup("")
    most = max(*amounts) or 1
    across = (SPARK_WIDTH - 2 * SPARK_EDGE) / (len(amounts) - 1)
    tall = SPARK_HEIGHT - 2 * SPARK_EDGE
    points = [
        (SPARK_EDGE + at * across, SPARK_EDGE + tall * (1 - amount / most))
        for at, amount in enumerate(amounts)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    return Markup(  # noqa: S704 - numbers alone
        f'<svg class="spark" viewBox="0 0 {SPARK_WIDTH} {SPARK_HEIGHT}" aria-hidden="true">'
        f'<polyline points="{line}"/><circle cx="{x:.1f}" cy="{y:.1f}" r="2.5"/></svg>'
    )

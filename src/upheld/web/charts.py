"""Charts made on the server: an SVG with a title and direct labels; the table stands beside it."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

SPARK_WIDTH, SPARK_HEIGHT, SPARK_EDGE = 120, 28, 3
WIDTH, HEIGHT, FOOT, HEAD = 640, 200, 24, 22
LETTER = 11  # how wide one of a label is, about
LABEL = 110  # how wide that of a bar may be, such as 2026-11
ROOM = 96  # of one bar at most, so that a few are no blocks


def bars(title: str, rows: Sequence[tuple[str, float, str]]) -> Markup:
    """A bar for each (label, amount, amount as said). A chart of nothing says so."""
    if not rows:
        return Markup("")
    most = max(amount for _, amount, _ in rows) or 1
    room = min(WIDTH / len(rows), ROOM)
    every = -(-len(rows) // (WIDTH // LABEL))  # labels that would touch are left out
    parts = []
    for at, (label, amount, text) in enumerate(rows):
        tall = (HEIGHT - FOOT - HEAD) * amount / most
        x, y = at * room + room * 0.15, HEIGHT - FOOT - tall
        parts.append(
            f'<rect class="bar-of" x="{x:.1f}" y="{y:.1f}" width="{room * 0.7:.1f}"'
            f' height="{tall:.1f}" rx="2"><title>{escape(label)}: {escape(text)}</title></rect>'
        )
        if at % every == (len(rows) - 1) % every:
            half = max(len(label), len(text)) * LETTER / 2
            middle = min(max(at * room + room / 2, half), WIDTH - half)  # not over the edge
            parts.append(f'<text x="{middle:.1f}" y="{HEIGHT - 6}">{escape(label)}</text>')
            parts.append(f'<text x="{middle:.1f}" y="{y - 5:.1f}">{escape(text)}</text>')
    return Markup(  # noqa: S704 - every text in it is escaped above
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )


def across(title: str, rows: Sequence[tuple[str, float, str]]) -> Markup:
    """A bar from left to right under each label of (label, amount, as said): for long labels."""
    most = max((amount for _, amount, _ in rows), default=0) or 1
    line, room = 48, WIDTH - ROOM
    parts = []
    for at, (label, amount, text) in enumerate(rows):
        y, wide = at * line + 25, room * amount / most
        parts.append(
            f'<text class="behind" x="0" y="{y - 7}">{escape(label)}</text>'
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
    line, room = 44, WIDTH - ROOM
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

"""A comparison as one HTML page: the prose of each clause side by side, with its effects."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from html import escape

from upheld.policy.analyse.compare import Change, Comparison
from upheld.policy.load import Policy

STYLE = """
body{font:1rem/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;
color:#1a1a1a;background:#fff}
table{width:100%;border-collapse:collapse;table-layout:fixed}
th,td{text-align:left;vertical-align:top;padding:.6rem;border-top:1px solid #ccc;
overflow-wrap:anywhere}
del{background:#fbe0dd}ins{background:#dcf1df}pre{white-space:pre-wrap;font-size:.85rem}
td>p::first-letter{text-transform:uppercase}
.allowed,.duty-dropped{border-left:.3rem solid #a33;padding-left:.6rem}
.denied,.duty-added{border-left:.3rem solid #286b34;padding-left:.6rem}
@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}
del{background:#5a2420}ins{background:#1f4a28}}
"""


def page(old: Policy, new: Policy, comparison: Comparison) -> str:
    """The page; it needs nothing from anywhere else."""
    title = f"{new.front.policy}: what changes"
    versions = " to ".join(
        f"version {escape(p.front.version)}" if p.front.version else p.digest[:12]
        for p in (old, new)
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in comparison.notes)
    summary = (
        "No change in effect."
        if comparison.same
        else f"{len(comparison.changes)} changes in effect."
    )
    table = changes_table(old, new, comparison)
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
        f"<main><h1>{escape(title)}</h1><p>From {versions}. {summary}</p>"
        f"{'<ul>' + notes + '</ul>' if notes else ''}{table}</main></html>\n"
    )


def changes_table(old: Policy, new: Policy, comparison: Comparison) -> str:
    """The clauses that changed, in words and side by side, each with its effects, as HTML."""
    before, after = _clauses(old), _clauses(new)
    names = [*after, *(name for name in before if name not in after)]
    rows = [
        _row(name, before.get(name), after.get(name), comparison)
        for name in names
        if before.get(name) != after.get(name) or any(name in c.clauses for c in comparison.changes)
    ]
    unattributed = [c for c in comparison.changes if not c.clauses]
    rows += (
        [f"<tr><td colspan=2>{''.join(map(_effect, unattributed))}</td></tr>"]
        if unattributed
        else []
    )
    return (
        f"<table><thead><tr><th>Old</th><th>New</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
        if rows
        else "<p>No clause changed.</p>"
    )


def _clauses(policy: Policy) -> dict[str, tuple[str, str]]:
    return {
        c.id or f"line {c.line}": (c.text, "\n".join(rule.text for rule in c.rules))
        for c in policy.program.clauses
        if c.id
    }


def _row(
    name: str, old: tuple[str, str] | None, new: tuple[str, str] | None, comparison: Comparison
) -> str:
    prose = _diff(old[0] if old else "", new[0] if new else "")
    rules = _diff(old[1] if old else "", new[1] if new else "")
    cells = [
        f"<td><strong>#{escape(name)}</strong><p>{prose[side]}</p><pre>{rules[side]}</pre></td>"
        if present
        else f"<td>#{escape(name)} is not in this version</td>"
        for side, present in enumerate((old, new))
    ]
    mine = [change for change in comparison.changes if name in change.clauses]
    effects = "".join(map(_effect, mine)) or "<p>No change in effect.</p>"
    return f"<tr>{''.join(cells)}</tr><tr><td colspan=2>{effects}</td></tr>"


def _effect(change: Change) -> str:
    witness = change.witness
    answers = " Before: {}. Now: {}.".format(
        *(
            "there is no such action" if each is None else each.why
            for each in (witness.old, witness.new)
        )
    )
    return (
        f'<p class="{change.kind}">{escape(change.text)}.<br>'
        f"<small>For example: {escape(witness.text)}.{escape(answers)}</small></p>"
    )


def word_changes(old: str, new: str) -> Iterator[tuple[bool, str, str]]:
    """Two texts piece by piece: whether a piece is in both, as it was, as it is now."""
    a, b = old.split(" "), new.split(" ")
    for kind, i, j, m, n in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        yield kind == "equal", " ".join(a[i:j]), " ".join(b[m:n])


def _diff(old: str, new: str) -> tuple[str, str]:
    """Two texts as HTML, what was taken away and put in marked word by word."""
    old_html, new_html = [], []
    for same, was, now in word_changes(old, new):
        before, after = escape(was), escape(now)
        if same:
            old_html.append(before)
            new_html.append(after)
            continue
        if before:
            old_html.append(f"<del>{before}</del>")
        if after:
            new_html.append(f"<ins>{after}</ins>")
    return " ".join(old_html), " ".join(new_html)

"""A version against the one in force: all of its prose, each sentence with what its rule says.

Everything that stands in either is a line, in the order of the new one. Whoever signs it off reads
the whole text: what was taken away and put in is marked, and what was not is there too.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from markupsafe import Markup, escape

from upheld.policy.analyse.page import word_changes
from upheld.policy.load import Policy
from upheld.policy.sentences import Sentences, text

SAME, CHANGED, ADDED, REMOVED = "as it was", "changed", "new", "taken out"


class RedlineRow(NamedTuple):
    """A clause, heading or table: its prose, what its rules say, and what became of it."""

    clause: str  # its id; empty where it has none
    kind: str  # heading, paragraph, item or insert
    state: str
    prose: Markup
    meaning: tuple[Markup, ...]  # its rules in words
    rules: tuple[Markup, ...]  # as they are written

    @property
    def touched(self) -> bool:
        """Whether anything in it is another than before."""
        return self.state != SAME


class _Part(NamedTuple):
    """What stands in one version at a place."""

    clause: str
    kind: str
    prose: str
    meaning: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    severed: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """By which it is the same part in another version."""
        return (self.clause, "") if self.clause else (self.kind, self.prose)


def redline(old: Policy, new: Policy) -> list[RedlineRow]:
    """Every line of two versions."""
    before, after = _parts(old), _parts(new)
    keys = [each.key for each in before], [each.key for each in after]
    lines = []
    for kind, i, j, m, n in SequenceMatcher(None, *keys, autojunk=False).get_opcodes():
        if kind == "equal":
            lines += [_line(was, now) for was, now in zip(before[i:j], after[m:n], strict=True)]
        else:
            lines += [_line(was, None) for was in before[i:j]]
            lines += [_line(None, now) for now in after[m:n]]
    return lines


def _parts(policy: Policy) -> list[_Part]:
    program, words = policy.program, Sentences(policy.program)
    inserts: dict[int, list[_Part]] = {}
    for each in program.inserts:
        inserts.setdefault(each.after, []).append(_Part("", "insert", each.text))
    parts = inserts.get(-1, [])
    for at, clause in enumerate(program.clauses):
        nodes = [program.nodes[node] for node in clause.nodes]
        meaning = dict.fromkeys(text(pieces) for node in nodes for pieces in words.rule(node))
        rules = tuple(rule.text for rule in clause.rules)
        parts.append(
            _Part(clause.id, clause.kind, clause.text, tuple(meaning), rules, clause.severed)
        )
        parts += inserts.get(at, [])
    return parts


def _line(old: _Part | None, new: _Part | None) -> RedlineRow:
    one = new or old
    assert one is not None  # noqa: S101 - a line stands in one version at least
    state = SAME if old == new else CHANGED if old and new else ADDED if new else REMOVED
    struck = bool(new and new.severed)
    prose = _marked(old.prose if old else "", new.prose if new else "")
    return RedlineRow(
        one.clause,
        one.kind,
        state,
        Markup("<s>{}</s>").format(prose) if struck else prose,
        _lists(old.meaning if old else (), new.meaning if new else ()),
        _lists(old.rules if old else (), new.rules if new else ()),
    )


def _lists(old: Sequence[str], new: Sequence[str]) -> tuple[Markup, ...]:
    """Two lists of sentences: each that went or came marked as a whole."""
    lines = []
    for kind, i, j, m, n in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            lines += [escape(each) for each in new[m:n]]
        else:
            lines += [Markup("<del>{}</del>").format(each) for each in old[i:j]]
            lines += [Markup("<ins>{}</ins>").format(each) for each in new[m:n]]
    return tuple(lines)


def _marked(old: str, new: str) -> Markup:
    """One text over the other, what was taken away and put in marked word by word."""
    pieces = []
    for same, was, now in word_changes(old, new):
        if same:
            pieces.append(escape(now))
            continue
        if was:
            pieces.append(Markup("<del>{}</del>").format(was))
        if now:
            pieces.append(Markup("<ins>{}</ins>").format(now))
    return Markup(" ").join(pieces)

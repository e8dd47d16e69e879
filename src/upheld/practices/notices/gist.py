"""The gist of a section: at most three lines, each a rule of it in a sentence."""

from __future__ import annotations

from collections.abc import Iterable

from upheld.policy.program import Clause, Node, Program
from upheld.policy.sentences import Sentences, text

LINES = 3
LINE_MAX = 180  # characters; a longer rule is no gist
KINDS = ("no", "must", "yes")


def gist(program: Program, words: Sentences, clauses: Iterable[Clause]) -> list[dict[str, str]]:
    """The lines of some clauses, in their order: what is forbidden, owed and allowed in turn.

    A line says the whole condition of its rule, and that there are exceptions where there are;
    only how it must be done is left to the clause.
    """
    excepted = {parent for node in program.nodes for parent in node.parents}
    lines: dict[str, list[tuple[int, str, str]]] = {kind: [] for kind in KINDS}
    place = 0
    for clause in clauses:
        for number in () if clause.severed else clause.nodes:
            node = program.nodes[number]
            if node.parents:
                continue
            for pieces in words.rule(node, ends=False):
                place += 1
                sentence = text(pieces) + (" (with exceptions)" if number in excepted else "")
                if len(sentence) <= LINE_MAX:
                    lines[_kind(node)].append((place, clause.id, sentence))
    return [{"clause": clause, "text": sentence} for _, clause, sentence in sorted(_pick(lines))]


def _kind(node: Node) -> str:
    return "no" if node.effect == "deny" else "must" if node.verb == "must" else "yes"


def _pick(lines: dict[str, list[tuple[int, str, str]]]) -> list[tuple[int, str, str]]:
    """Some of each kind in turn, one of a clause before two of it."""
    selection: list[tuple[int, str, str]] = []
    while len(selection) < LINES and any(lines.values()):
        for kind in KINDS:
            if lines[kind] and len(selection) < LINES:
                seen = {clause for _, clause, _ in selection}
                best = next((e for e in lines[kind] if e[1] not in seen), lines[kind][0])
                lines[kind].remove(best)
                selection.append(best)
    return selection

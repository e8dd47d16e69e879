"""The words of one program: what people call them, and what they mean together.

A word stands here as a table or a heading has it. Within a sentence it is what `prose` makes of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from upheld.policy.english import another
from upheld.policy.program import Program
from upheld.policy.vocabulary import OTHER, TREES, Leaves

REST = {
    "data": "anything else",
    "party": "anyone else",
    "purpose": "anything else",
    "occasion": "at any other time",
    "place": "anywhere else",
    "action": "anything else",
}


class Words:
    """The trees of one program's vocabulary, with its definitions."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.vocabulary = program.vocabulary
        self.leaves = {t: Leaves(self.vocabulary.tree(t), rest=t != "action") for t in TREES}
        self.children: dict[str, dict[str, list[str]]] = {tree: {} for tree in TREES}
        for tree in TREES:
            for term in self.vocabulary.tree(tree).values():
                self.children[tree].setdefault(term.parent, []).append(term.name)
        self.ours = frozenset(self.under("party", "provider"))

    def term(self, tree: str, name: str) -> str:
        """What people call a word, a leaf or a definition where it stands alone."""
        if name == OTHER:
            return REST.get(tree, "anything else")
        if name.endswith("/" + OTHER):
            return another(self.term(tree, name.removesuffix("/" + OTHER)))
        term = self.vocabulary.tree(tree).get(name)
        return (term.label if term else "") or name.replace("-", " ")

    def under(self, tree: str, name: str) -> tuple[str, ...]:
        """The leaves that a word means; none for a word that the tree lacks."""
        definition = self.program.definitions.get(name)
        if definition is not None and definition.tree == tree:
            return definition.leaves
        mask = self.leaves[tree].mask.get(name)
        return tuple(self.leaves[tree].of(mask)) if mask else ()

    def under_all(self, tree: str, names: Iterable[str]) -> list[str]:
        """The leaves that some words mean; a word that the tree lacks stands for itself."""
        return [leaf for name in names for leaf in self.under(tree, name) or (name,)]

    def fold(self, tree: str, leaves: Iterable[str]) -> list[str]:
        """The fewest words of a tree that mean these leaves."""
        numbers = self.leaves[tree]
        mask = 0
        for leaf in leaves:
            mask |= numbers.bit.get(leaf, 0)
        words = self._fold(tree, "", mask)
        if numbers.mask.get(OTHER, 0) & mask:
            words.append(OTHER)
        return words

    def _fold(self, tree: str, above: str, mask: int) -> list[str]:
        words: list[str] = []
        numbers = self.leaves[tree]
        for name in self.children[tree].get(above, ()):
            whole = numbers.mask[name]
            if whole & mask == whole:
                words.append(name)
            elif whole & mask:
                words += self._fold(tree, name, mask)
                if numbers.bit.get(f"{name}/{OTHER}", 0) & mask:
                    words.append(f"{name}/{OTHER}")
        return words

    def top(self, tree: str, word: str) -> str:
        """The outermost group in which a word stands; empty for a word in none."""
        terms, name = self.vocabulary.tree(tree), word.split("/", maxsplit=1)[0]
        while name in terms and terms[name].parent:
            name = terms[name].parent
        return name if name in terms else ""

"""The words of a policy: trees of terms, facts and duties, read from TOML.

A tree's leaves are numbered; a set of leaves is an integer with a bit each, so that scopes are
intersected by `&`. Every inner term has a leaf of its own, `TERM/other`, and every tree but that
of actions has the leaf `other`: nothing that any of its words means.
"""

from __future__ import annotations

import re
from fractions import Fraction

import msgspec

from upheld.core.dimensions import TABLE

KEYWORDS = frozenset(
    [
        "except",
        "may",
        "not",
        "must",
        "any",
        "but",
        "when",
        "unless",
        "and",
        "or",
        "is",
        "within",
        "with",
        "hours",
        "days",
        "months",
        "years",
        "percent",
        "define",
        "as",
        "because",
        "yes",
        "no",
        "ask",
        "given",
        *(each.preposition for each in TABLE.values() if each.preposition),
    ]
)
ATTRIBUTES = (
    "label",
    "note",
    "dpv",
    "fides",
    "takes",
    "type",
    "unit",
    "proof",
    "per",
    "absent",
    "one-of",
    "is",
    "contrary",
)
WORD = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*\Z")
BASIS = "basis"  # the tree of legal bases, which no question names
SENSITIVE = "sensitive"  # the tree of what is nobody's business, which no question names either
DIMENSIONS = tuple(TABLE)
TREE_OF = {name: each.tree for name, each in TABLE.items()}
TREES = ("action", *dict.fromkeys(TREE_OF.values()))
PREPOSITIONS = {each.preposition: name for name, each in TABLE.items() if each.preposition}
UNITS = ("hours", "days", "months", "years", "percent")
SINGULAR = {"hour": "hours", "day": "days", "month": "months", "year": "years"}
SMALLER = {"days": ("hours", 24), "years": ("months", 12)}  # unit: (smaller unit, how many)
OTHER = "other"
DERIVED = "derived"  # in place of a type, of a fact that is a formula over others
TERM_ATTRIBUTES = {"label": str, "note": str, "dpv": str, "fides": str}


class Term(msgspec.Struct, frozen=True, omit_defaults=True):
    """A word of a tree, with the word above it and what people and other vocabularies call it."""

    name: str
    parent: str = ""
    label: str = ""
    note: str = ""
    dpv: str = ""
    fides: str = ""
    takes: tuple[str, ...] | None = None


class Fact(msgspec.Struct, frozen=True, omit_defaults=True):
    """A fact: of a type of `fact_types`, or derived from others by a formula."""

    name: str
    kind: str = "boolean"  # the name of its type, or DERIVED
    label: str = ""
    note: str = ""
    proof: str = ""
    unit: str = ""
    words: tuple[str, ...] = ()
    per: tuple[str, ...] = ()
    absent: bool = False  # no record means no
    formula: str = ""
    contrary: str = ""  # what is so where it is not, in words; empty where grammar tells

    @property
    def derived(self) -> bool:
        """Whether it is a formula over other facts, and has no value of its own."""
        return self.kind == DERIVED


class DutyTerm(msgspec.Struct, frozen=True, omit_defaults=True):
    """A duty of the vocabulary: how an act must be done. The running program carries it out."""

    name: str
    label: str = ""
    note: str = ""


class Vocabulary(msgspec.Struct, frozen=True):
    """Every word that a policy may use. `sources` are the exact bytes it was read from, hashed."""

    trees: dict[str, dict[str, Term]]
    facts: dict[str, Fact]
    duties: dict[str, DutyTerm]
    sources: tuple[str, ...] = ()

    def tree(self, name: str) -> dict[str, Term]:
        """The terms of one tree by name, parents before children; none if it has no such tree."""
        return self.trees.get(name, {})

    def under_basis(self, basis: str, top: str) -> bool:
        """Whether a legal basis is another one, or a kind of it."""
        terms = self.tree(BASIS)
        while basis and basis != top:
            basis = terms[basis].parent if basis in terms else ""
        return bool(basis)

    def takes(self, action: str) -> tuple[str, ...]:
        """The dimensions that an action (or group of actions, for its unnamed rest) takes."""
        name = action.removesuffix("/" + OTHER)
        terms = self.trees["action"]
        while name:
            term = terms[name]
            if term.takes is not None:
                return term.takes
            name = term.parent
        return ()


class Leaves:
    """The leaves of one tree, numbered, with the set of leaves under each term as bits."""

    def __init__(self, terms: dict[str, Term], *, rest: bool) -> None:
        children: dict[str, list[str]] = {}
        for term in terms.values():
            children.setdefault(term.parent, []).append(term.name)
        self.names: list[str] = []
        self.mask: dict[str, int] = {}
        self.bit: dict[str, int] = {}
        for top in children.get("", []):
            self._number(top, children)
        if rest:
            self._leaf(OTHER)
        self.all = (1 << len(self.names)) - 1

    def _leaf(self, name: str) -> int:
        self.mask[name] = self.bit[name] = 1 << len(self.names)
        self.names.append(name)
        return self.mask[name]

    def mask_of_leaf(self, name: str) -> int:
        """The bit of one leaf."""
        return self.bit[name]

    def _number(self, top: str, children: dict[str, list[str]]) -> None:
        stack = [(top, False)]
        while stack:
            name, children_done = stack.pop()
            below = children.get(name)
            if not below:
                self._leaf(name)
            elif children_done:
                mask = self._leaf(f"{name}/{OTHER}")
                for child in below:
                    mask |= self.mask[child]
                self.mask[name] = mask
            else:
                stack.append((name, True))
                stack.extend((child, False) for child in reversed(below))

    def of(self, mask: int) -> list[str]:
        """The names of the leaves in a set, in the order of the tree."""
        names = []
        while mask:
            low = mask & -mask
            names.append(self.names[low.bit_length() - 1])
            mask ^= low
        return names


_LEAVES: dict[tuple[str, ...], dict[str, Leaves]] = {}
LEAVES_MAX = 16  # vocabularies whose leaves stay numbered


def leaves_of(vocabulary: Vocabulary) -> dict[str, Leaves]:
    """The numbered leaves of each tree, cached by the texts of the vocabulary."""
    leaves = _LEAVES.get(vocabulary.sources)
    if leaves is None:
        leaves = {t: Leaves(vocabulary.tree(t), rest=t != "action") for t in TREES}
        if vocabulary.sources:
            if len(_LEAVES) >= LEAVES_MAX:
                _LEAVES.clear()
            _LEAVES[vocabulary.sources] = leaves
    return leaves


def scale(amount: Fraction, unit: str, into: str) -> Fraction | None:
    """An amount in another unit of the same kind, or None where they do not convert."""
    if unit == into:
        return amount
    if unit in SMALLER and SMALLER[unit][0] == into:
        return amount * SMALLER[unit][1]
    if into in SMALLER and SMALLER[into][0] == unit:
        return amount / SMALLER[into][1]
    return None

"""The words that a version drops and stored rows use: such a version is not posted.

A value whose data term is gone could be given to nobody, and a record whose fact is gone would
prove nothing, without anybody having decided that. Every stored row counts, one that has ended too,
since it is told to whoever asks what is there; of what is owed, what is still open. Nothing is read
for a version that drops no word.

Of what a law keeps apart, and of legal process, nothing is counted: an order may forbid to speak of
it. A word of legal process is therefore dropped by no version, whether or not a row uses it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection

from upheld.core.counts import count_of
from upheld.database.statements import placeholders, rows
from upheld.gate.editions.store import EditionError
from upheld.gate.evidence.records import about_of
from upheld.gate.log.silence import ORDERS
from upheld.policy.vocabulary import TREE_OF, Vocabulary

FACT: Final = "fact"
NAMED_MAX: Final = 20  # words in an error; the rest is a number
_RECORD: Final = "record"
_TOLD: Final = "person_id NOT IN (SELECT person_id FROM person WHERE state = 'held')"
_IN_RECORDS: Final = "SELECT kind, dims, count(*) FROM record WHERE {} GROUP BY kind, dims"
_QUERIES: Final = (  # a tree, what a row is that uses a word of it, and how many do, by word
    (
        "data",
        "stored value",
        "SELECT field, count(*) FROM value WHERE field IN ({}) AND {} GROUP BY field",
    ),
    (
        "party",
        "stored value",
        "SELECT origin, count(*) FROM value WHERE origin IN ({}) AND {} GROUP BY origin",
    ),
    (
        "occasion",
        "stored value",
        "SELECT occasion, count(*) FROM value WHERE occasion IN ({}) AND {} GROUP BY occasion",
    ),
    (
        "action",
        "open obligation",
        (
            "SELECT action, count(*) FROM item"
            " WHERE state IN ('open', 'late') AND action IN ({}) AND {} GROUP BY action"
        ),
    ),
)


class WordUse(NamedTuple):
    """A word that rows use: of a tree, or a fact; what these rows are, and how many."""

    tree: str
    word: str
    row: str
    number: int

    def __str__(self) -> str:
        return f"{self.tree} `{self.word}` ({count_of(self.number, self.row)})"


def require_words(connection: Connection, old: Vocabulary, new: Vocabulary) -> None:
    """EditionError where rows use words of one vocabulary that another one does not have.

    Also where such a word is one of legal process.
    """
    process = [name for name in old.facts.keys() - new.facts.keys() if _is_of_process(old, name)]
    if process:
        words = ", ".join(f"`{name}`" for name in sorted(process))
        raise EditionError(
            f"it drops words of legal process: {words}",
            code="version-words",
            hint="keep them: whether a row uses them is told to nobody but the legal desk",
        )
    uses = word_uses(connection, old, new)
    if not uses:
        return
    words = ", ".join(map(str, uses[:NAMED_MAX]))
    if len(uses) > NAMED_MAX:
        words += f" and {len(uses) - NAMED_MAX:,} more"
    raise EditionError(
        f"it drops words that stored rows use: {words}",
        code="version-words",
        hint="keep these words in its vocabulary until no row uses them",
    )


def word_uses(connection: Connection, old: Vocabulary, new: Vocabulary) -> list[WordUse]:
    """The words of one vocabulary that another one does not have, and how many rows use each."""
    terms = {name: tree.keys() - new.tree(name).keys() for name, tree in old.trees.items()}
    facts = {name for name in old.facts.keys() - new.facts.keys() if not _is_of_process(old, name)}
    uses: Counter[tuple[str, str, str]] = Counter()
    for tree, row, query in _QUERIES:
        if dropped := sorted(terms.get(tree, ())):
            statement = query.format(placeholders(dropped), _TOLD)
            for word, number in rows(connection, statement, *dropped):
                uses[tree, word, row] += number
    if facts or any(terms.get(tree) for tree in TREE_OF.values()):
        for kind, dims, number in rows(connection, _IN_RECORDS.format(_TOLD)):
            if kind in ORDERS:
                continue
            for tree, word in _words_of(old, kind, dims):
                if word in (facts if tree == FACT else terms.get(tree, ())):
                    uses[tree, word, _RECORD] += number
    return [WordUse(*key, number) for key, number in sorted(uses.items())]


def _is_of_process(vocabulary: Vocabulary, name: str) -> bool:
    """Whether a fact is proven by records that nothing but legal process has."""
    return vocabulary.facts[name].proof in ORDERS


def _words_of(vocabulary: Vocabulary, kind: str, dims: str) -> Iterable[tuple[str, str]]:
    """The words of a record, each with its tree; without a fact it proves those of its kind."""
    try:
        fact, about = about_of(dims)
    except (msgspec.MsgspecError, TypeError, IndexError):
        return set()  # it is no row of ours, and the self-check names it
    words = {(TREE_OF[name], word) for name in about.keys() & TREE_OF for word in about[name]}
    if fact:
        words.add((FACT, fact))
    else:
        words.update((FACT, name) for name, each in vocabulary.facts.items() if each.proof == kind)
    return words

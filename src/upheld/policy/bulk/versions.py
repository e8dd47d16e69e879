"""Decisions for all rows of a table, each under the versions of a policy that matter for it.

A row says which version binds it. As an act on somebody is, it is asked of that version and of each
one after it: it is allowed only where all of them allow it, and by the clauses of all; otherwise
the strictest answer is the row's. A row that names none of the versions is asked of every one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import ibis
import ibis.expr.types as ir

from upheld.core.errors import MissingColumnsError, RequestError, nearest
from upheld.policy.bulk.columns import Question
from upheld.policy.bulk.join import ANSWER_COLUMNS
from upheld.policy.bulk.screen import bindings, new_columns, screen
from upheld.policy.load import NO_FACTS, Policy
from upheld.policy.vocabulary import DIMENSIONS

__all__ = ["bindings_of_versions", "screen_versions"]

SEVERITY: Final = ("deny", "needs-proof", "error")  # outcomes that allow nothing, strictest first
_NO_WORDS: Final = {"unknown-action", "unknown-term", "wrong-dimension"}
_RANK: Final = "upheld_rank"
_SEPARATOR: Final = ", "


def screen_versions(  # noqa: PLR0913 - as `screen`, and which version binds whom
    versions: Sequence[Policy],
    table: ir.Table,
    question: Question = None,
    facts: Mapping[str, object] = NO_FACTS,
    *,
    bound: str,
    columns: Mapping[str, str] | None = None,
    absent: Collection[str] = (),
    prefix: str = "",
) -> ir.Table:
    """The table with `outcome`, `allowed` and `clause` as `screen` adds them.

    `versions` are the oldest first and the one in force last; the column `bound` has the version or
    the digest of the one that binds each row. A version that has no words for a question does not
    allow it. RequestError as `screen`, of the version in force first.
    """
    names = new_columns(table, prefix, ANSWER_COLUMNS)
    rank = _rank(versions, table, bound)
    last = len(versions) - 1
    order = (last, *range(last))  # as answers are compared: the version in force first
    answers = table.mutate(**{_RANK: rank})
    words = _Words(versions, facts, columns or {}, absent)
    for at in order:
        policy, temporary = versions[at], _temporary(at)
        try:
            answers = screen(
                policy,
                answers,
                question,
                words.facts_of(policy),
                columns=words.columns_of(policy),
                absent=words.absent_of(policy),
                prefix=temporary,
                tell=["outcome", "clause"],
            )
        except RequestError as error:
            if at == last or error.code not in _NO_WORDS:
                raise
            missing = {"outcome": ibis.literal("error"), "clause": ibis.literal("")}
            answers = answers.mutate(**{temporary + name: each for name, each in missing.items()})
    return _strictest(answers, order).select(
        *table.columns, **{names[name]: ibis._[_RANK + name] for name in ANSWER_COLUMNS}
    )


def bindings_of_versions(
    versions: Sequence[Policy],
    table: ir.Table,
    question: Question = None,
    facts: Mapping[str, object] = NO_FACTS,
    *,
    columns: Mapping[str, str] | None = None,
    absent: Collection[str] = (),
) -> dict[str, str | None]:
    """The column of each dimension and fact that matters to some version, None for the absent.

    MissingColumnsError names whatever is missing for any of them.
    """
    words = _Words(versions, facts, columns or {}, absent)
    by_word: dict[str, str | None] = {}
    missing: dict[str, Collection[str]] = {}
    for policy in reversed(versions):
        try:
            by_word |= bindings(
                policy,
                table,
                [question],
                words.facts_of(policy),
                columns=words.columns_of(policy),
                absent=words.absent_of(policy),
            )
        except MissingColumnsError as error:
            missing |= dict.fromkeys(error.words, error.columns)
        except RequestError as error:
            if policy is versions[-1] or error.code not in _NO_WORDS:
                raise
    if missing:
        raise MissingColumnsError(missing, next(iter(missing.values())))
    return by_word


class _Words:
    """What was said of a table, as far as a version has words for it.

    What no version has a word for is left to each, which refuses it.
    """

    def __init__(
        self,
        versions: Sequence[Policy],
        facts: Mapping[str, object],
        columns: Mapping[str, str],
        absent: Collection[str],
    ) -> None:
        self._facts, self._columns, self._absent = facts, columns, absent
        self._somewhere = {word for each in versions for word in _words_of(each)}

    def facts_of(self, policy: Policy) -> dict[str, object]:
        """The facts that hold for every row."""
        return {word: self._facts[word] for word in self._of(policy, self._facts)}

    def columns_of(self, policy: Policy) -> dict[str, str]:
        """The columns that were named."""
        return {word: self._columns[word] for word in self._of(policy, self._columns)}

    def absent_of(self, policy: Policy) -> list[str]:
        """What no row says."""
        return list(self._of(policy, self._absent))

    def _of(self, policy: Policy, words: Iterable[str]) -> Iterable[str]:
        own = _words_of(policy)
        return (word for word in words if word in own or word not in self._somewhere)


def _words_of(policy: Policy) -> set[str]:
    return {"action", *DIMENSIONS, *policy.program.vocabulary.facts}


def _rank(versions: Sequence[Policy], table: ir.Table, bound: str) -> Any:
    """The place of the version that binds each row; the first, where it is not known."""
    if bound not in table.columns:
        near = nearest(bound, table.columns)
        raise RequestError(
            f"the table has no column `{bound}`, which says what version binds each row",
            code="missing-column",
            hint=f"did you mean `{near}`?" if near else "",
        )
    if not table[bound].type().is_string():
        raise RequestError(
            f"the column `{bound}` holds {table[bound].type()}",
            code="wrong-type",
            hint="expected the versions, or their digests, as words",
        )
    places: dict[str, int] = {}
    for at, policy in enumerate(versions):
        for name in filter(None, (policy.front.version, policy.digest)):
            if places.setdefault(name, at) != at:
                raise RequestError(
                    f"two versions are called {name}",
                    code="wrong-version",
                    hint="name each version once, the oldest first",
                )
    later = [(table[bound] == name, at) for name, at in places.items() if at]
    return ibis.cases(*later, else_=0) if later else ibis.literal(0)


def _temporary(at: int) -> str:
    return f"upheld_version_{at}_"


def _strictest(answers: ir.Table, order: Sequence[int]) -> ir.Table:
    """The answers of all versions as one, beside them."""
    applies = {at: (answers[_RANK] <= at) if at != order[0] else ibis.literal(True) for at in order}
    outcomes = {at: answers[f"{_temporary(at)}outcome"] for at in order}
    clauses = {at: answers[f"{_temporary(at)}clause"] for at in order}
    stricter = [
        (applies[at] & (outcomes[at] == outcome), outcome, clauses[at])
        for outcome in SEVERITY
        for at in order
    ]
    outcome = ibis.cases(*((when, name) for when, name, _ in stricter), else_="allow")
    clause = ibis.cases(
        *((when, cited) for when, _, cited in stricter), else_=_united(order, applies, clauses)
    )
    columns = {"outcome": outcome, "allowed": outcome == "allow", "clause": clause}
    return answers.mutate(**{_RANK + name: each for name, each in columns.items()})


def _united(order: Sequence[int], applies: Mapping[int, Any], clauses: Mapping[int, Any]) -> Any:
    """The clauses of all versions that were asked, each once, those of the one in force first."""
    if len(order) == 1:
        return clauses[order[0]]
    lists = [clauses[at].split(_SEPARATOR) for at in order]
    flags = [applies[at] for at in order]
    result = lists[0]
    for number in range(1, len(order)):
        result = result.concat(_new(number, lists, flags))
    return result.join(_SEPARATOR)


def _new(number: int, lists: Sequence[Any], flags: Sequence[Any]) -> Any:
    """The clauses of one version that those before it in the order do not cite."""

    def is_new(clause: Any) -> Any:
        keep = flags[number] & (clause != "")
        for before in range(number):
            keep &= ~(flags[before] & lists[before].contains(clause))
        return keep

    return lists[number].filter(is_new)

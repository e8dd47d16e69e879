"""A question and its answer as values, and the check of everything that a caller can get wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import force_setattr

from upheld.core.dimensions import DimensionValues
from upheld.core.errors import RequestError, nearest
from upheld.policy.fact_types import fact_type
from upheld.policy.vocabulary import DIMENSIONS, OTHER, TREE_OF, Fact

Words = str | Sequence[str] | None


class Request(DimensionValues[Words, Words], frozen=True, cache_hash=True):
    """May we do this? A dimension is a term or several; one left out stands for all of its leaves.

    An actor left out is the provider. Words are checked when the request is decided.
    """

    action: str

    def __post_init__(self) -> None:
        for dimension in DIMENSIONS:
            value = getattr(self, dimension)
            if value is not None and type(value) is not tuple:
                force_setattr(self, dimension, (value,) if isinstance(value, str) else tuple(value))

    def dimensions(self) -> dict[str, tuple[str, ...]]:
        """The dimensions that have a value, with their terms."""
        values = {d: getattr(self, d) for d in DIMENSIONS}
        return {d: value for d, value in values.items() if value is not None}


class Duty(msgspec.Struct, frozen=True, omit_defaults=True, order=True):
    """How an allowed act must be done, with its number where it has one."""

    duty: str
    amount: int | float | None = None
    unit: str = ""


class OwedAct(msgspec.Struct, frozen=True, omit_defaults=True):
    """An act that is owed: by which clause, within what time (at once if none is said)."""

    clause: str
    amount: int | float | None = None
    unit: str = ""
    certain: bool = False


class Nearest(msgspec.Struct, frozen=True):
    """A clause that would have allowed, and what it lacked."""

    clause: str
    lacks: tuple[str, ...]


class Decision(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The answer, with the clauses that decide. Only `allow` allows.

    `outcome` is allow, deny, needs-proof or error; `kind` is clause, silence or proof; `prove`
    lists sets of facts, any one of which would settle it; `bases` are the legal bases that the
    clauses of an allow name. See the language reference, section 5.
    """

    outcome: str
    clauses: tuple[str, ...] = ()
    duties: tuple[Duty, ...] = ()
    bases: tuple[str, ...] = ()
    owed: tuple[OwedAct, ...] = ()
    prove: tuple[tuple[str, ...], ...] = ()
    depends: dict[str, tuple[str, ...]] = {}
    nearest: tuple[Nearest, ...] = ()
    kind: str = ""
    why: str = ""
    code: str = ""

    @property
    def allowed(self) -> bool:
        """Whether the act may be done."""
        return self.outcome == "allow"

    def __str__(self) -> str:
        return self.why

    def __bool__(self) -> bool:
        raise TypeError("a decision is neither true nor false; ask for decision.allowed")


def error_decision(error: RequestError) -> Decision:
    """The decision on a question that cannot be asked: outcome `error`, and why."""
    return Decision(
        outcome="error", code=error.code, why=f"{error}{'; ' if error.hint else ''}{error.hint}"
    )


class FactPart(NamedTuple):
    """One part of a fact: the leaves it covers in each dimension, as bits, and if it holds."""

    fact: str
    covers: dict[str, int]
    holds: bool


class FactInput(NamedTuple):
    """A question's facts, checked: single values, and facts in parts with the rest of each."""

    values: dict[str, object]
    parts: tuple[FactPart, ...] = ()
    rest: Mapping[str, bool | None] = MappingProxyType({})


class Checker:
    """Checks a caller's words against a vocabulary and the policy's definitions."""

    def __init__(
        self,
        masks: Mapping[str, Mapping[str, int]],
        facts: Mapping[str, Fact],
        takes: Mapping[str, Sequence[str]],
    ) -> None:
        """`masks`: for each tree, every word (leaf, term, definition) to its set of leaves."""
        self.masks, self.facts, self.takes = masks, facts, takes
        self._types = {name: fact_type(fact) for name, fact in facts.items() if not fact.derived}

    def actions(self, action: object, leaves: Sequence[str]) -> list[str]:
        """The action leaves that a request asks about; RequestError for an unknown one."""
        mask = self.masks["action"].get(action) if isinstance(action, str) else None
        if mask is None:
            raise RequestError(
                f"there is no action `{action}`"
                if isinstance(action, str)
                else "the action must be a word",
                code="unknown-action",
                hint=_did_you_mean(action, self.masks["action"]),
            )
        return [name for bit, name in enumerate(leaves) if mask >> bit & 1]

    def dimension(self, dimension: str, words: object) -> int:
        """The leaves of a dimension that are asked about; RequestError for a word it lacks."""
        if isinstance(words, str):
            words = (words,)
        if not isinstance(words, (list, tuple)):
            raise RequestError(
                f"`{dimension}` must be a term or a list of terms", code="wrong-type"
            )
        if not words:
            raise RequestError(
                f"the list of `{dimension}` is empty",
                code="empty-list",
                hint="leave it out to ask about all",
            )
        masks = self.masks[TREE_OF[dimension]]
        leaves = 0
        for word in words:
            mask = masks.get(word) if isinstance(word, str) else None
            if mask is None:
                raise RequestError(
                    f"`{word}` is not a word for `{dimension}`"
                    if isinstance(word, str)
                    else f"`{dimension}` must hold words",
                    code="unknown-term" if isinstance(word, str) else "wrong-type",
                    hint=_did_you_mean(word, masks),
                )
            leaves |= mask
        return leaves

    def require_dimension(self, dimension: str, actions: Sequence[str]) -> None:
        """RequestError unless every action asked about takes the dimension."""
        for action in actions:
            if dimension not in self.takes[action]:
                takes = ", ".join(self.takes[action]) or "nothing"
                raise RequestError(
                    f"`{action}` does not take `{dimension}`",
                    code="wrong-dimension",
                    hint=f"it takes {takes}",
                )

    def check_facts(self, facts: object) -> FactInput:
        """Facts checked one by one; RequestError for an unknown one or one of the wrong type."""
        if not isinstance(facts, Mapping):
            raise RequestError("`facts` must map names to values", code="wrong-type")
        values: dict[str, object] = {}
        parts: list[FactPart] = []
        rest: dict[str, bool | None] = {}
        for name, value in facts.items():
            fact = self.facts.get(name)
            if fact is None:
                raise RequestError(
                    f"there is no fact `{name}`",
                    code="unknown-fact",
                    hint=_did_you_mean(name, self.facts),
                )
            if fact.derived:
                raise RequestError(
                    f"`{name}` is derived and cannot be given",
                    code="derived-fact",
                    hint=f"give what it is derived from: {fact.formula}",
                )
            if isinstance(value, (list, tuple)) and fact.per:
                if value:
                    rest[name] = self._parts(fact, value, parts)
            else:
                kind = self._types[name]
                if not kind.accepts(value):
                    raise RequestError(
                        f"`{name}` has a value of the wrong type",
                        code="wrong-type",
                        hint=f"expected {kind.value_form()}",
                    )
                values[name] = value
        return FactInput(values, tuple(parts), rest)

    def _parts(self, fact: Fact, value: Sequence[Any], parts: list[FactPart]) -> bool | None:
        rest: bool | None = None
        for each in value:
            if not isinstance(each, Mapping):
                raise RequestError(
                    f"a part of `{fact.name}` must be an object",
                    code="wrong-type",
                    hint='such as {"purpose": ["offers"], "holds": true}, or {"rest": false}',
                )
            if "rest" in each:
                if len(each) > 1 or rest is not None or not isinstance(each["rest"], bool):
                    raise RequestError(
                        f"`rest` of `{fact.name}` stands alone, once, and is true or false",
                        code="wrong-type",
                        hint='write {"rest": true} or {"rest": false} as one part of it',
                    )
                rest = each["rest"]
                continue
            holds = each.get("holds", True)
            if not isinstance(holds, bool):
                raise RequestError(
                    f"`holds` of `{fact.name}` must be true or false", code="wrong-type"
                )
            covers = {}
            for dimension, words in each.items():
                if dimension == "holds":
                    continue
                if dimension not in fact.per:
                    raise RequestError(
                        f"`{fact.name}` is not per `{dimension}`",
                        code="wrong-dimension",
                        hint="its parts name " + ", ".join(fact.per),
                    )
                covers[dimension] = self.dimension(dimension, words)
            parts.append(FactPart(fact.name, covers, holds))
        return rest


def _did_you_mean(word: object, words: Mapping[str, object]) -> str:
    near = nearest(word, (k for k in words if k != OTHER)) if isinstance(word, str) else ""
    return f"did you mean `{near}`?" if near else ""

"""One act as it is asked for, checked at the border, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from upheld.core.dimensions import DATA, PARTIES, DimensionValues, dimension_values
from upheld.core.errors import RequestError, UpheldError, nearest
from upheld.core.ids import EntryNumber
from upheld.policy.decide import QuestionPlan
from upheld.policy.load import Policy
from upheld.policy.request import Decision, Request
from upheld.vault.values import Value

_TEXTS: Final = (str, bytes)


class Act(DimensionValues[tuple[str, ...], str | None], frozen=True, kw_only=True):
    """What shall be done with whose data. `party` names the one who is meant by the kind of party.

    `reference` is the id of what it is done under, such as a programme, which provers and the entry
    are told. `partial` asks for those fields that are allowed where not all are. `settles` is the
    record by which it is owed, where doing it settles what is owed by that one alone.
    """

    action: str
    data: tuple[str, ...] = ()
    party: str = ""
    reference: str = ""
    partial: bool = False
    settles: str = ""

    def entry_fields(self) -> dict[str, Any]:
        """What an entry tells of it: its words, and with the kind of a party the name if any."""
        party_suffix = f" {self.party}" if self.party else ""
        words = dimension_values(self, DATA)
        fields = {
            name: word + party_suffix if name in PARTIES else word for name, word in words.items()
        }
        return {**fields, "id": self.reference} if self.reference else fields

    def entry_names(self) -> dict[str, str]:
        """What an entry tells of it besides its words: whom it names, and under which id it is."""
        fields = {}
        if self.party:
            for role in PARTIES:
                if word := getattr(self, role):
                    fields[role] = f"{word} {self.party}"
        if self.reference:
            fields["id"] = self.reference
        return fields

    def request(self, data: Sequence[str] | None = None) -> Request:
        """The question to ask of the policy, about all of the data or some."""
        fields = self.data if data is None else tuple(data)
        return Request(self.action, data=fields or None, **dimension_values(self, DATA))


class ActResult(msgspec.Struct, frozen=True, kw_only=True):
    """What an act gives: the values, the decision, its entry's number, the fields left out.

    The value of a series is its latest; `series(field)` has them all.
    """

    values: Mapping[str, Value]
    decision: Decision
    entry: EntryNumber
    refused: tuple[str, ...] = ()
    rows: Mapping[str, tuple[Value, ...]] = {}

    def __getitem__(self, field: str) -> str:
        return self.values[field].value

    def series(self, field: str) -> tuple[Value, ...]:
        """The rows of a series, the oldest first; one for a field with one value."""
        values = self.rows.get(field)
        if values is None:
            return (self.values[field],) if field in self.values else ()
        return values

    def __repr__(self) -> str:
        return f"ActResult({', '.join(self.values)}; entry {self.entry})"


class OlderDecision(Decision, frozen=True, kw_only=True):
    """The decision of a version before the one in force, which is the one that does not allow.

    Its clauses are those of `policy`, the version of that `number`.
    """

    policy: Policy
    number: int


def decided_by(decision: Decision, policy: Policy, number: int) -> OlderDecision:
    """A decision with the earlier version that made it."""
    return OlderDecision(**msgspec.structs.asdict(decision), policy=policy, number=number)


class LicenceDecision(OlderDecision, frozen=True, kw_only=True):
    """The decision of a licence that does not allow what the policy does.

    Its clauses are those of `policy`, the licence of that `number` of what `party` told us.
    """

    party: str


def decided_by_licence(
    decision: Decision, policy: Policy, number: int, party: str
) -> LicenceDecision:
    """A decision with the licence that made it."""
    fields = {name: getattr(decision, name) for name in Decision.__struct_fields__}
    return LicenceDecision(**fields, policy=policy, number=number, party=party)


class Refused(UpheldError):  # noqa: N818 - it says what happened
    """An act that is not allowed. `entry` is the number of its entry.

    Its words are the same whatever the reason: what is missing may tell of age, debt or consent.
    `decision` and `why` are there for whoever asked as one who is entitled to them.
    """

    def __init__(
        self, entry: EntryNumber | None, decision: Decision | None = None, why: str = ""
    ) -> None:
        super().__init__("this is not allowed", code="refused", hint="ask the privacy desk")
        self.entry, self.decision, self.why = entry, decision, why


def require_list(value: object, name: str, what: str) -> None:
    """RequestError where one string is given in place of a list; it is not quoted."""
    if isinstance(value, _TEXTS):
        raise RequestError(
            f"`{name}` must be a list of {what}, not one string",
            code="wrong-type",
            hint="put it in brackets, such as [email]" if name == "data" else "put it in brackets",
        )


def _not_a_field(policy: Policy, word: str) -> RequestError:
    """The error for a word that is not a field of the policy."""
    compiled = policy.engine.compiled
    if word in policy.engine.checker.masks[DATA]:
        return RequestError(
            f"`{word}` stands for several fields",
            code="unknown-term",
            hint="name each field that you need",
        )
    similar = nearest(word, compiled.leaves[DATA].bit)
    return RequestError(
        f"unknown field `{word}`" + (f"; did you mean `{similar}`?" if similar else ""),
        code="unknown-term",
        hint="a field is a word for data with no words below it",
    )


def planned(policy: Policy, act: Act, data: Sequence[str] | None = None) -> QuestionPlan:
    """The question of an act, worked out; RequestError where it cannot be asked.

    Data are fields, each of one value; a word that stands for several is not a field.
    """
    if isinstance(act.data, str):  # before it is looked up: as a request it is one field
        require_list(act.data, DATA, "field names")
    request = act.request(data)
    engine = policy.engine
    plan = engine.plans.get(request)
    if plan is not None:
        return plan
    leaves = engine.compiled.leaves[DATA].bit
    for field in act.data:
        if field not in leaves:
            raise _not_a_field(policy, field)
    return engine.plan(request)

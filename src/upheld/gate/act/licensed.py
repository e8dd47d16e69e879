"""The licences of what others told us, of which an act on such values is asked beside the policy.

An act is done only where the policy and each licence allow it, and with the duties of all; of an
act that takes what it gets, a field goes that a licence does not allow. Which licences those are is
read off each value that is meant: from whom it came in, and when. What a person has a right to is
between them and us, and what a court demands of us no contract lets us hold back: no licence is
asked about either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from upheld.core.errors import RequestError
from upheld.core.ids import PersonId
from upheld.gate.act.context import NOTHING_READ
from upheld.gate.act.judgement import Judgement, strictest
from upheld.gate.act.request import Act
from upheld.gate.editions.licences import COMBINED, Licence
from upheld.policy.load import Policy
from upheld.policy.request import error_decision

if TYPE_CHECKING:
    from upheld.gate.act.execution import ActExecution
    from upheld.gate.act.reads import PersonData

COMBINE: Final = "combine"
_RIGHTS: Final = "rights-request"
_DEMANDED: Final = "legal-process"
_OWN: Final = frozenset({"customer", "guardian"})
_ORIGIN, _OCCASION, _AT = 3, 4, 6  # of a row of a value, as `values.COLUMNS` has them
Fields = tuple[str, ...]


def is_own_right(act: Act) -> bool:
    """Whether an act is what somebody has a right to, about themselves: to see it, or a copy."""
    return act.purpose == _RIGHTS and (act.actor in _OWN or act.recipient in _OWN)


def is_asked(act: Act, *, of_held: bool) -> bool:
    """Whether a licence may be asked about an act, which reads values or combines some."""
    if is_own_right(act) or act.purpose == _DEMANDED:
        return False
    return of_held or act.action not in NOTHING_READ


class ActLicences:
    """Those of one act, on the people whose data were read for it."""

    def __init__(self, execution: ActExecution, data: PersonData) -> None:
        self.data = data
        self._asking = execution
        self._shelf = execution.context.licences
        asks = is_asked(execution.act, of_held=execution.of_held or bool(execution.licensor))
        self._all = self._shelf.all(execution.connection) if asks else ()
        self._under: dict[PersonId, dict[Licence, Fields]] = {}
        self._executions: dict[tuple[int, Fields, bool], ActExecution | Judgement] = {}
        self._narrower: dict[Fields, ActExecution] = {}
        self._read: dict[tuple[int, Fields, bool], PersonData] = {}

    def under(self, person_id: PersonId) -> dict[Licence, Fields]:
        """The licences under which somebody's values are that are meant, with those fields."""
        result = self._under.get(person_id)
        if result is None:
            result = self._under[person_id] = self._find(person_id)
        return result

    def _find(self, person_id: PersonId) -> dict[Licence, Fields]:
        asking, read = self._asking, self.data.people[person_id]
        fields: dict[Licence, dict[str, None]] = {}
        for field in asking.act.data:
            for stored in asking.context.derived.stored((field,)):
                for row in read.fetched.get(stored, ()):
                    if row[_OCCASION] == COMBINED:
                        for each in self._all:
                            if each.covers(row[_ORIGIN], row[_AT]):
                                fields.setdefault(each, {})[field] = None
        if asking.licensor:
            for each in self._all:
                if each.covers(asking.licensor, asking.time):
                    fields[each] = dict.fromkeys(asking.act.data)
        return {each: tuple(some) for each, some in fields.items()}

    def came_in(self, person_id: PersonId, its: Licence) -> dict[str, int]:
        """When the last of somebody's values under a licence came in, by field.

        In microseconds since 1970.
        """
        read, last = self.data.people[person_id], dict[str, int]()
        for field in self.under(person_id).get(its, ()):
            for stored in self._asking.context.derived.stored((field,)):
                for row in read.fetched.get(stored, ()):
                    if row[_OCCASION] == COMBINED and its.covers(row[_ORIGIN], row[_AT]):
                        last[field] = max(last.get(field, 0), row[_AT])
        return last

    def judge(self, person_id: PersonId, first: Judgement) -> Judgement:
        """The strictest of what the policy said of somebody and what each licence says."""
        if not self._all:
            return first
        if first.problem or first.decision.outcome not in {"allow", "needs-proof"}:
            return first
        under = {
            each: some
            for each, fields in self.under(person_id).items()
            if (some := tuple(field for field in fields if field in first.fields))
        }
        if not under:
            return first
        policies = tuple(dict.fromkeys((*first.policies, *(each.digest for each in under))))
        first = first._replace(policies=policies)
        partial = self._asking.act.partial and first.decision.allowed
        judgements = {
            each: self._judge_under(each, fields, person_id, partial=partial)
            for each, fields in under.items()
        }
        if partial:
            return self._partly(person_id, first, under, judgements)
        return _together(first, judgements)

    def _partly(
        self,
        person_id: PersonId,
        first: Judgement,
        under: dict[Licence, Fields],
        judgements: dict[Licence, Judgement],
    ) -> Judgement:
        """What is left of an act that takes what it gets; a refusal where no field is."""
        forbidden = {
            each: tuple(f for f in under[each] if not _lets(judgement, f))
            for each, judgement in judgements.items()
        }
        away = {field for fields in forbidden.values() for field in fields}
        rest = tuple(field for field in first.fields if field not in away)
        if not rest:
            refusals = {
                each: self._judge_under(each, fields, person_id, partial=False)
                for each, fields in forbidden.items()
                if fields
            }
            return _together(first, refusals)._replace(fields=self._asking.act.data)
        if away:
            policies, first = first.policies, self._of_fields(rest).judge(person_id, self.data)
            first = first._replace(policies=policies)
            if first.problem or not first.decision.allowed:
                return first
        judgements = {
            each: self._judge_under(each, some, person_id, partial=True)
            for each, fields in under.items()
            if (some := tuple(field for field in fields if field in rest))
        }
        return _together(first, judgements)

    def _of_fields(self, fields: Fields) -> ActExecution:
        """The act on fewer fields, as the policy alone decides it."""
        execution = self._narrower.get(fields)
        if execution is None:
            asking = self._asking
            execution = asking.beside(asking.context, replace(asking.act, data=fields))
            self._narrower[fields] = execution
        execution.stand_as(self._asking)
        return execution

    def _judge_under(
        self, its: Licence, fields: Fields, person_id: PersonId, *, partial: bool
    ) -> Judgement:
        key, asking = (its.number, fields, partial), self._asking
        execution = self._executions.get(key)
        if execution is None:
            policy = self._shelf.policy_of(asking.connection, its)
            execution = self._executions[key] = self._execution(its, policy, fields, partial)
        if isinstance(execution, Judgement):
            return execution
        read = self._read.get(key)
        if read is None:
            needs, read = execution.template, self.data
            if not self._has(needs.kinds, needs.fields):
                whose = [each for each in self.data.people if its in self.under(each)]
                read = execution.load(whose)
            self._read[key] = read
        execution.stand_as(asking)
        return execution.judge(person_id, read)

    def _has(self, kinds: Sequence[str], fields: Sequence[str]) -> bool:
        """Whether what a licence needs was read for the act."""
        template = self._asking.template
        return {*kinds} <= {*template.kinds} and {*fields} <= {*template.fields}

    def _execution(
        self, its: Licence, policy: Policy, fields: Fields, partial: bool
    ) -> ActExecution | Judgement:
        act = replace(self._asking.act, data=fields, partial=partial)
        context = self._asking.context.alone(policy, -its.number)  # no version has such a number
        try:
            return self._asking.beside(context, act)
        except RequestError as error:  # it has no words for it, and so allows none of it
            return Judgement((), error_decision(error), (), error.code)


def _lets(judgement: Judgement, field: str) -> bool:
    return judgement.decision.allowed and not judgement.problem and field in judgement.fields


def _together(first: Judgement, judgements: dict[Licence, Judgement]) -> Judgement:
    """What the policy and some licences come to, each of which was asked about what it covers."""
    if not judgements:
        return first
    all_ = [first, *(each._replace(fields=first.fields) for each in judgements.values())]
    result = strictest(all_, (), first.policies)._replace(decided_by=first.decided_by)
    for its, each in judgements.items():
        if each.decision is result.decision or (each.problem and each.problem == result.problem):
            return result._replace(decided_by=its)
    return result

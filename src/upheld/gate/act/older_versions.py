"""The versions before the one in force of which an act on some people is asked besides.

Each is opened once however many people it is asked about, and what it needs of them that was not
read already is read in one question for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from upheld.core import observing
from upheld.core.errors import RequestError
from upheld.core.ids import PersonId
from upheld.database.columns import microseconds
from upheld.database.seals import SealedError
from upheld.gate.act.asked_versions import asked_versions
from upheld.gate.act.context import GateContext
from upheld.gate.act.judgement import Judgement, strictest
from upheld.gate.editions import bound, store
from upheld.gate.editions.store import Edition
from upheld.gate.evidence import records
from upheld.gate.evidence.records import Record
from upheld.policy.load import Policy
from upheld.policy.request import error_decision

if TYPE_CHECKING:
    from upheld.gate.act.execution import ActExecution
    from upheld.gate.act.reads import PersonData


class OlderVersions:
    """Those of one act, on the people whose data were read for it."""

    def __init__(self, newest: ActExecution, data: PersonData) -> None:
        self.data = data
        self._newest = newest
        self._time = newest.time
        self._waiting: dict[PersonId, tuple[Edition, ...]] = {}
        self._executions: dict[str, ActExecution | Judgement] = {}
        self._read: dict[str, PersonData] = {}
        self._settled: dict[int, Judgement] = {}  # by the first version that is asked

    def judge(self, person_id: PersonId, first: Judgement) -> Judgement:
        """The strictest of what the version in force said of somebody and those before it say."""
        older = self.waiting(person_id)
        if not older:
            return first
        if settled := self._settled.get(older[0].number):
            return settled
        judgements = [first, *(self._judge_under(each, person_id) for each in older)]
        data = self._newest.act.data
        result = strictest(judgements, data, tuple(each.digest for each in older))
        for edition, each in zip((None, *older), judgements, strict=True):
            if each.decision is result.decision:  # so that it does not allow: else they are united
                result = result._replace(decided_by=edition)
                break
        if self._is_settled(older):
            self._settled[older[0].number] = result
        return result

    def _is_settled(self, older: Sequence[Edition]) -> bool:
        """Whether some versions and the one in force say the same of everybody, on no fact.

        Whoever takes notes hears of every question.
        """
        executions = [self._newest, *(self._execution(each) for each in older)]
        return observing.observer() is None and not any(
            not isinstance(each, Judgement) and each.template.facts for each in executions
        )

    def waiting(self, person_id: PersonId) -> tuple[Edition, ...]:
        """The versions that are asked about somebody; all, where records are in doubt."""
        newest = self._newest
        if newest.time != self._time:
            self._waiting, self._time = {}, newest.time
        if not self._waiting:
            self._waiting = asked_versions(newest, self.data, self._policy_of)
        return self._waiting[person_id]

    def _policy_of(self, edition: Edition) -> Policy:
        return store.policy_of(self._newest.connection, edition.digest)

    def _execution(self, edition: Edition) -> ActExecution | Judgement:
        execution = self._executions.get(edition.digest)
        if execution is None:
            policy = self._policy_of(edition)
            try:
                newest = self._newest
                alone = newest.context.alone(policy, edition.number)
                execution = newest.beside(alone, newest.act)
            except RequestError as error:  # it has no words for it, and so allows none of it
                execution = Judgement((), error_decision(error), (), error.code)
            self._executions[edition.digest] = execution
        return execution

    def _judge_under(self, edition: Edition, person_id: PersonId) -> Judgement:
        execution, newest = self._execution(edition), self._newest
        if isinstance(execution, Judgement):
            return execution
        read = self._read.get(edition.digest)
        if read is None:
            read = self.data
            needs, has = execution.template, newest.template
            if not ({*needs.kinds} <= {*has.kinds} and {*needs.fields} <= {*has.fields}):
                whose = [each for each in self.data.people if edition in self.waiting(each)]
                read = execution.load(whose)
            self._read[edition.digest] = read
        execution.time, execution.clock_problem = newest.time, newest.clock_problem
        return execution.judge(person_id, read)


def contexts_of(
    context: GateContext, connection: Connection, person_id: PersonId
) -> list[GateContext]:
    """The context of each version that matters for somebody now, that of the one in force first.

    All versions, where their records are not as they were written.
    """
    ((contexts, _),) = contexts_of_each(context, connection, [person_id])
    return contexts


def contexts_of_each(
    context: GateContext, connection: Connection, person_ids: Sequence[PersonId]
) -> list[tuple[list[GateContext], list[PersonId]]]:
    """The contexts that matter for some people, as `contexts_of`, each with whose they are."""
    editions = context.editions
    if len(editions) < bound.SECOND:
        return [([context], list(person_ids))]

    def policy_of(edition: Edition) -> Policy:
        return store.policy_of(connection, edition.digest)

    at = microseconds(context.clock.now())
    alike: dict[tuple[Edition, ...], list[PersonId]] = {}
    for person_id, mine in _records_of_each(context, connection, person_ids).items():
        older = (
            editions[:-1] if mine is None else bound.waiting_versions(editions, policy_of, mine, at)
        )
        alike.setdefault(tuple(older), []).append(person_id)
    newest = context.alone(context.policy, context.edition)
    return [
        ([newest, *(context.alone(policy_of(each), each.number) for each in older)], whose)
        for older, whose in alike.items()
    ]


def _records_of_each(
    context: GateContext, connection: Connection, person_ids: Sequence[PersonId]
) -> dict[PersonId, list[Record] | None]:
    """The records by which versions bind some people; None where they are not as written."""
    mine: dict[PersonId, list[Record] | None] = {each: [] for each in person_ids}
    try:
        some, _ = records.records_of(connection, context.keyring, person_ids, bound.KINDS)
    except SealedError:
        if len(person_ids) == 1:
            return {person_ids[0]: None}
        for each in person_ids:
            mine |= _records_of_each(context, connection, [each])
        return mine
    for record in some:
        if (own := mine[record.person_id]) is not None:
            own.append(record)
    return mine

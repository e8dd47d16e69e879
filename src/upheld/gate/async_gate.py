"""The gate for asyncio: acts that arrive together share one transaction and one sync of the disk.

A single worker thread writes, so that nothing waits for the disk but those who asked. While it is
at work, acts queue up in order of arrival; when it is done it takes all that wait, each in a
savepoint of its own, and commits once. Whoever asked gets the outcome after that commit, and never
before it; where the commit fails, all of them are told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, tzinfo
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

from upheld.core.clock import Clock
from upheld.core.ids import PersonId, RecordId
from upheld.database.engines import open_or_remove
from upheld.database.schema import migrate
from upheld.gate.act.execution import Outcome
from upheld.gate.act.options import (
    ActOptions,
    RecordFilter,
    RecordFilterUntil,
    RecordOptions,
    StoreOptions,
    act_of,
    check_filter,
    check_record,
    check_store,
)
from upheld.gate.act.request import ActResult, Refused, require_list
from upheld.gate.evidence.records import Record
from upheld.gate.gate import Gate
from upheld.gate.transaction import GateTransaction
from upheld.policy.load import Policy, load
from upheld.policy.request import Decision
from upheld.vault.keyring import Keyring

TOGETHER_MAX = 256  # acts in one transaction
Work = Callable[[GateTransaction], Any]


class AsyncGate:
    """The one door to personal data. Each call raises Refused where the policy says no."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self._waiting: list[tuple[Work, asyncio.Future[Any]]] = []
        self._writer = ThreadPoolExecutor(1, "upheld-gate")
        self._busy: asyncio.Task[None] | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Finish what was asked for, then close the database."""
        self._closed = True
        while self._busy is not None:
            await asyncio.wait([self._busy])
        self._writer.shutdown()
        self.gate.engine.dispose()

    async def do(self, work: Work) -> Any:
        """Do a piece of work on the gate's transaction; what it gives, once that is durable.

        A work that raises leaves nothing; a refusal that it gives is raised here.
        """
        if self._closed:
            raise RuntimeError("the gate is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((work, future))
        if self._busy is None:
            self._busy = loop.create_task(self._drain())
        outcome = await future
        if isinstance(outcome, Refused):
            raise outcome
        return outcome

    async def _drain(self) -> None:
        """Write until nobody waits."""
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch = self._waiting[:TOGETHER_MAX]
                del self._waiting[:TOGETHER_MAX]
                works = [work for work, future in batch if not future.cancelled()]
                futures = [future for _, future in batch if not future.cancelled()]
                try:
                    outcomes = await loop.run_in_executor(self._writer, self.gate.batch, works)
                except Exception as error:  # noqa: BLE001 - told to whoever asked
                    outcomes = [error] * len(works)
                for future, each in zip(futures, outcomes, strict=True):
                    _tell(future, each)
        finally:
            self._busy = None

    async def enrol(self) -> PersonId:
        """A new person; the id."""
        return PersonId(await self.do(lambda transaction: transaction.enrol()))

    async def store(
        self, person_id: PersonId, field_values: Mapping[str, str], **options: Unpack[StoreOptions]
    ) -> ActResult:
        """Collect and store values: `source`, `occasion`, `purpose`, and by name the `party`."""
        check_store("AsyncGate.store", options)
        result: ActResult = await self.do(
            lambda transaction: transaction.store(person_id, field_values, **options)
        )
        return result

    async def append(
        self, person_id: PersonId, field: str, rows: Sequence[str], **options: Unpack[StoreOptions]
    ) -> ActResult:
        """Collect and store rows of a series: `source`, `occasion` and `party` as for `store`."""
        check_store("AsyncGate.append", options)
        result: ActResult = await self.do(
            lambda transaction: transaction.append(person_id, field, rows, **options)
        )
        return result

    async def peek(
        self,
        action: str,
        person_id: PersonId,
        data: Sequence[str] = (),
        **options: Unpack[ActOptions],
    ) -> Decision:
        """What the decision on an act would be now, for who is entitled; nothing is noted."""
        act = act_of("AsyncGate.peek", action, data, options)
        decision: Decision = await self.do(lambda transaction: transaction.peek(person_id, act))
        return decision

    async def act(
        self,
        action: str,
        person_id: PersonId,
        data: Sequence[str] = (),
        *,
        entitled: bool = False,
        **options: Unpack[ActOptions],
    ) -> ActResult:
        """Do any act of the vocabulary; options say purpose, recipient and so on."""
        act = act_of("AsyncGate.", action, data, options)
        result: ActResult = await self.do(
            lambda transaction: transaction.act(act, person_id, entitled=entitled)
        )
        return result

    def __getattr__(self, name: str) -> Any:
        """A call for each action of the vocabulary, such as `use`, `share`, `set_cookie`."""
        action = name.replace("_", "-")
        if name.startswith("_") or action not in self.gate.actions:
            raise AttributeError(
                f"a gate does not have `{name}`, and its policy has no such action"
            )

        act = self.__dict__[name] = partial(self.act, action)  # so that it is looked for once
        return act

    async def sweep(
        self,
        action: str,
        person_ids: Sequence[PersonId],
        data: Sequence[str] = (),
        **options: Unpack[ActOptions],
    ) -> dict[PersonId, Outcome]:
        """One act on many people in one transaction: for each what it gives, or a refusal."""
        require_list(person_ids, "person_ids", "ids")
        act = act_of("AsyncGate.sweep", action, data, options)
        outcomes: dict[PersonId, Outcome] = await self.do(
            lambda transaction: transaction.sweep(act, person_ids)
        )
        return outcomes

    async def record(
        self, person_id: PersonId, kind: str, **options: Unpack[RecordOptions]
    ) -> RecordId:
        """Keep a record that proves a fact; its id."""
        check_record("AsyncGate.record", options)
        return RecordId(
            await self.do(lambda transaction: transaction.record(person_id, kind, **options))
        )

    async def withdraw(
        self, person_id: PersonId, record_id: RecordId, *, ended: bool = False, actor: str = ""
    ) -> None:
        """Withdraw a record, or let it end; `actor` is who did it, as the entry names them."""
        await self.do(
            lambda transaction: transaction.withdraw(person_id, record_id, ended=ended, actor=actor)
        )

    async def records_in_force(self, kind: str, **which: Unpack[RecordFilter]) -> list[Record]:
        """Who has a record in force: `purpose`, `party`, `person_id` and so on; one entry."""
        check_filter("AsyncGate.records_in_force", which)
        records: list[Record] = await self.do(
            lambda transaction: transaction.records_in_force(kind, **which)
        )
        return records

    async def withdraw_all(self, kind: str, **which: Unpack[RecordFilterUntil]) -> list[Record]:
        """Withdraw every record that speaks of something, or let it end sooner: `until`."""
        check_filter("AsyncGate.withdraw_all", which, "until")
        records: list[Record] = await self.do(
            lambda transaction: transaction.withdraw_all(kind, **which)
        )
        return records

    async def drop(self, person_id: PersonId, fields: Sequence[str]) -> tuple[str, ...]:
        """Delete what is held of some fields, but what must be kept; those that are gone now."""
        fields_deleted: tuple[str, ...] = await self.do(
            lambda transaction: transaction.drop(person_id, fields)
        )
        return fields_deleted


def _tell(future: asyncio.Future[Any], outcome: Any) -> None:
    if future.cancelled():
        return
    if isinstance(outcome, Exception) and not isinstance(outcome, Refused):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


def open_gate(
    url: str, *, policy: Policy | str | Path, keys: Keyring, zone: tzinfo = UTC
) -> AsyncGate:
    """Open a provider's database behind a policy, for `async with`; the tables are made.

    Days, ages and months are counted in `zone`.

    Raises DatabaseError, PolicyError, or VaultError where the keyring is another database's.
    """
    return AsyncGate(open_gate_sync(url, policy=policy, keys=keys, zone=zone))


def open_gate_sync(
    url: str, *, policy: Policy | str | Path, keys: Keyring, zone: tzinfo = UTC
) -> Gate:
    """Open a gate as `open_gate` does, for callers that wait."""
    policy_in_force = policy if isinstance(policy, Policy) else load(policy)
    with open_or_remove(url) as engine:
        migrate(engine)
        return Gate(engine, policy_in_force, keys, Clock(zone=zone))

"""What was released and is not delivered yet: kept until somebody has the file, and no longer.

A release and its file are kept in one transaction; that the file was delivered is noted after it
left, in another. What is killed in between has released, not delivered: the same file is given once
more, and no entry says that more was disclosed than was. It is encrypted to the recipient's key, so
that we cannot read it either. Once its instrument is over, or somebody in it was erased, it goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final, NamedTuple, NoReturn

import msgspec

from upheld.core.ids import InstrumentId, PersonId, UserId
from upheld.database.own_tables import Tables
from upheld.gate.gate import Gate
from upheld.gate.public import REGISTER
from upheld.gate.set_aside import trial_of
from upheld.gate.transaction import Transaction
from upheld.practices.legal.demands import LegalError
from upheld.practices.legal.instrument import APPROVED, Instrument
from upheld.practices.legal.instruments import Instruments
from upheld.practices.legal.production import Production
from upheld.practices.legal.staff import note, require_role
from upheld.practices.legal.tables import legal_production

JOB: Final = "legal-productions"
DROPPED: Final = "legal.drop"  # the kind of entry for a file that nobody got
_ONE: Final = "instrument_id = ?"


class _ProductionBody(msgspec.Struct, frozen=True):
    """What of a production is sealed."""

    name: str
    digest: str
    fields: tuple[str, ...]
    people: tuple[PersonId, ...]
    content: bytes


class LastProduction(NamedTuple):
    """A production that waits to be delivered, with what it is of and of whom."""

    production: Production
    fields: tuple[str, ...]
    people: tuple[PersonId, ...]


class Custody:
    """The productions of a running provider that nobody has yet."""

    def __init__(self, instruments: Instruments) -> None:
        self.instruments = instruments
        self._sealer = instruments.provider.sealer("legal")

    def keep(
        self,
        transaction: Transaction,
        instrument: Instrument,
        production: Production,
        fields: Sequence[str],
        people: Sequence[PersonId],
    ) -> None:
        """Keep what is released in this transaction until it is delivered."""
        body = _ProductionBody(
            production.name, production.digest, tuple(fields), tuple(people), production.content
        )
        transaction.tables.insert(
            legal_production,
            instrument_id=instrument.instrument_id,
            number=production.release,
            sealed=self._sealer.seal(
                msgspec.msgpack.encode(body), "production", instrument.instrument_id
            ),
        )

    def waits(self, tables: Tables, instrument_id: InstrumentId) -> bool:
        """Whether something was released under an instrument and is not delivered yet."""
        return tables.get(legal_production, _ONE, instrument_id) is not None

    def waiting(self, tables: Tables) -> set[InstrumentId]:
        """The instruments of which something was released and is not delivered yet."""
        rows, _ = tables.select_authentic(legal_production, "1 = 1")
        return {InstrumentId(each.instrument_id) for each in rows}

    def require_none(self, tables: Tables, instrument_id: InstrumentId) -> None:
        """LegalError while something waits: it is given once more, and not released once more."""
        if self.waits(tables, instrument_id):
            raise LegalError(
                "what was released last is not delivered yet",
                code="legal-undelivered",
                hint="get its file on the instrument's page, or by `upheld legal release` without"
                " `--account` and `--field`; that is no further release",
            )

    def require(self, transaction: Transaction, instrument: Instrument) -> LastProduction:
        """What waits under an instrument; LegalError where nothing does, or no longer may."""
        row = transaction.tables.get(legal_production, _ONE, instrument.instrument_id)
        if row is None:
            _refuse("nothing that was released waits to be delivered")
        last = self._from_row(row)
        if instrument.state != APPROVED:
            _refuse(f"nothing is delivered under an instrument that is {instrument.state}")
        if not self._are_here(transaction, instrument.instrument_id, last.people):
            _refuse("somebody in it was erased since, and it is not delivered any more")
        return last

    def confirm(
        self, transaction: Transaction, instrument_id: InstrumentId, release: int, by: UserId
    ) -> None:
        """Note that the file of a release was delivered, once; from then on we do not have it."""
        user = require_role(transaction.tables, by)
        where = f"{_ONE} AND number = ?"
        if transaction.tables.delete(legal_production, where, instrument_id, release):
            note(transaction, "legal.deliver", instrument_id, user)

    def drop_stale(self, gate: Gate) -> int:
        """Delete what nobody may have any more: whose instrument is over, who was erased.

        One that is damaged, or whose instrument is, stays, and no other waits for it. It is on no
        list, as the legal desk alone knows of it; a self-check names the row.
        """
        with gate.look() as tables:
            waiting = sorted(self.waiting(tables))
        with trial_of(gate, JOB) as trial:
            return sum(
                trial.one(partial(self._drop_one, gate, each), REGISTER, each, listed=False) or 0
                for each in waiting
            )

    def _drop_one(self, gate: Gate, instrument_id: InstrumentId) -> int:
        with gate.together() as transaction:
            return self._drop(transaction, instrument_id)

    def _drop(self, transaction: Transaction, instrument_id: InstrumentId) -> int:
        """Delete a production that nobody may have any more; how many were."""
        row = transaction.tables.get(legal_production, _ONE, instrument_id)
        if row is None:
            return 0
        instrument = self.instruments.require(transaction.tables, instrument_id)
        is_over = instrument.ends is not None and instrument.ends <= transaction.clock.now()
        people = self._from_row(row).people
        if (
            instrument.state == APPROVED
            and not is_over
            and self._are_here(transaction, instrument_id, people)
        ):
            return 0
        transaction.tables.delete(legal_production, _ONE, instrument_id)
        transaction.note(None, DROPPED, evidence=(instrument_id,))
        return 1

    def _are_here(
        self, transaction: Transaction, instrument_id: InstrumentId, people: Sequence[PersonId]
    ) -> bool:
        """Whether nobody of some was erased: whoever was is named by no instrument any more.

        Where a row was changed, it may name whoever no other one does and is here still.
        """
        reach = self.instruments.reach(transaction.tables, instrument_id)
        others = sorted({*people} - {*reach.person_ids})
        if others and not (reach.changed and transaction.lock_present(others) == others):
            return False
        return not any(map(transaction.is_erased, people))

    def _from_row(self, row: Any) -> LastProduction:
        raw = self._sealer.unseal(row.sealed, "production", row.instrument_id)
        body = msgspec.msgpack.decode(raw, type=_ProductionBody)
        production = Production(row.number, body.name, body.content, body.digest)
        return LastProduction(production, body.fields, body.people)


def _refuse(why: str) -> NoReturn:
    raise LegalError(
        why, code="legal-state", hint="release it again, within what the instrument demands"
    )

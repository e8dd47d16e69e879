"""The notice to whoever something was released about: at once, or when the silence is over.

While an instrument forbids to tell, the notice waits in a table of the legal desk, and nothing of
it stands among what is owed. The job writes it once: in the account, and by mail that it is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from functools import partial
from itertools import zip_longest
from typing import Any, Final

from upheld.core.ids import InstrumentId, PersonId
from upheld.database.columns import microseconds
from upheld.database.own_tables import to_datetime
from upheld.gate.act.request import Refused
from upheld.gate.gate import Gate
from upheld.gate.public import Value
from upheld.gate.set_aside import trial_of
from upheld.gate.transaction import Transaction
from upheld.policy.english import word_list
from upheld.policy.words import Words
from upheld.practice import message_copies, outbox
from upheld.practice.gag_orders import visible_entries
from upheld.practice.kept_days import is_hidden
from upheld.practice.message_copies import ADMINISTRATIVE
from upheld.practice.owed_notices import may_write_each
from upheld.practice.own_rows import rows_after_silence
from upheld.practices.legal.instrument import INSTRUMENT, SILENT, Instrument, change_person
from upheld.practices.legal.instruments import Instruments
from upheld.practices.legal.release import OWED, is_within
from upheld.practices.legal.tables import legal_reach
from upheld.web.pages import format_day

JOB: Final = "legal-notices"
NEWS: Final = "legal/notice"  # the template of the mail
ENTRY: Final = "legal/entry"  # and of that where no letter may be stored
SUBJECT: Final = "We had to give information about you to an authority"
KEPT_APART: Final = (
    "We had told you that some of this was deleted, but had to keep it for a legal hold, and may"
    " tell you so only now: {kinds}. You see it in your account, under {pages}."
)
VALUES_PAGE: Final = "What we hold about you"
ROWS_PAGE: Final = "What happened, day by day"
SENT, BARRED = "sent", "refused"  # of a notice
KIND_NAMES: Final = {
    "subpoena": "a subpoena",
    "court-order": "a court order",
    "warrant": "a warrant",
    "other": "legal process",
}


class Notices:
    """The notices that are owed under the instruments of a running provider."""

    def __init__(self, instruments: Instruments) -> None:
        self.instruments = instruments

    def send_due(self, gate: Gate) -> int:
        """Write each notice whose time has come; how many. The job of that name.

        Of whom something is not as it was written, they are set aside, and nobody else waits for
        them; of whom an order may forbid to speak, they are not listed.
        """
        with gate.look() as tables:
            at = microseconds(gate.clock.now())
            where = "notice = ? AND notice_from <= ?"
            rows, _ = tables.select_intact(legal_reach, where, OWED, at)
        count = 0
        with trial_of(gate, JOB) as trial:
            for each in rows:
                with gate.consult() as transaction:
                    in_silence = is_hidden(transaction, each.person_id)
                send = partial(self._send_one, gate, each.person_id, each.instrument_id)
                count += (
                    trial.one(send, each.person_id, each.instrument_id, listed=not in_silence)
                    or False
                )
        return count

    def _send_one(self, gate: Gate, person_id: PersonId, instrument_id: InstrumentId) -> bool:
        with gate.together() as transaction:
            return self._send(transaction, person_id, instrument_id)

    def _send(
        self, transaction: Transaction, person_id: PersonId, instrument_id: InstrumentId
    ) -> bool:
        """Write one notice, if it is owed still and no order forbids to tell.

        SealedError where what would decide that is not as it was written: it stays owed.
        """
        transaction.lock(person_id)
        where = "person_id = ? AND instrument_id = ?"
        row = transaction.tables.get(legal_reach, where, person_id, instrument_id)
        instrument = self.instruments.find(transaction.tables, instrument_id)
        if row is None or row.notice != OWED or instrument is None:
            return False
        if _is_silent(transaction, person_id, instrument):
            return False
        transaction.records_of_each([person_id])  # each is whole
        if not transaction.lock_present([person_id]):  # erased: there is nobody to be told
            change_person(transaction.tables, person_id, instrument_id, {"notice": BARRED})
            return False
        may_write = may_write_each(transaction, [person_id], how=instrument_id)[person_id]
        is_written = may_write and self._write(
            transaction, person_id, instrument, _before_telling(transaction, row)
        )
        changes = {"notice": SENT if is_written else BARRED}
        change_person(transaction.tables, person_id, instrument_id, changes)
        return is_written

    def _write(
        self,
        transaction: Transaction,
        person_id: PersonId,
        instrument: Instrument,
        before: datetime,
    ) -> bool:
        text = notice_text(transaction, person_id, instrument)
        text += self._kept_apart(transaction, person_id, instrument, before)
        letter = message_copies.add_from_staff(transaction, person_id, SUBJECT, text, about="")
        # Of whoever asked to be erased nothing new is stored; the entry says what was given.
        news = ENTRY if isinstance(letter, Refused) else NEWS
        return not isinstance(outbox.queue(transaction, person_id, news, ADMINISTRATIVE), Refused)

    def _kept_apart(
        self,
        transaction: Transaction,
        person_id: PersonId,
        instrument: Instrument,
        before: datetime,
    ) -> str:
        """Which kinds of what was given were told as deleted, and may be told only now; or nothing.

        A hold kept them, and nobody might speak of it. Each kind is named of which the customer can
        read something now that they could not at a moment `before` the silence was over: neither
        what they have read since another silence ended, nor what another hold alone keeps, of which
        nobody may speak still. It is the same for values, visits and transactions.
        """
        fields = _fields_given(transaction, person_id, instrument)
        values, earlier = {}, {}
        if self._is_given_apart(transaction, person_id, instrument):
            values = transaction.values_apart(person_id)
            earlier = transaction.values_apart(person_id, before)
        practices = self.instruments.provider.practices
        as_values = [
            each
            for each in fields
            if _is_given(values.get(each, ()), earlier.get(each, ()), fields[each])
        ]
        as_rows = [
            each
            for each in fields
            if any(
                is_within(at, instrument) and _is_before_release(at, fields[each])
                for at, _ in rows_after_silence(practices, transaction, person_id, each, before)
            )
        ]
        words = Words(transaction.policy.program)
        names = [words.term("data", each) for each in fields if each in {*as_values, *as_rows}]
        pages = [VALUES_PAGE] * bool(as_values) + [ROWS_PAGE] * bool(as_rows)
        if not names:
            return ""
        text = KEPT_APART.format(kinds=word_list(names, "and"), pages=word_list(pages, "and"))
        return f"\n\n{text}"

    def _is_given_apart(
        self, transaction: Transaction, person_id: PersonId, instrument: Instrument
    ) -> bool:
        """Whether an instrument released what is kept apart of the account that it names."""
        people = self.instruments.people(transaction.tables, instrument.instrument_id)
        accounts = {each.account for each in people if each.person_id == person_id}
        others = [
            each.person_id
            for each in people
            if each.account in accounts and each.entry is not None and each.person_id != person_id
        ]
        return bool(transaction.apart_among(others))


def _releases(
    transaction: Transaction, person_id: PersonId, instrument: Instrument
) -> list[tuple[datetime, list[str]]]:
    """What was released of somebody under an instrument: when, and which kinds of data."""
    return [
        (
            datetime.fromisoformat(line.entry.time),
            [each for each in instrument.fields if each in line.entry.data],
        )
        for line in visible_entries(transaction, person_id, instrument.opened)
        if line.entry.kind == "act"
        and line.entry.recipient == f"{instrument.recipient} {instrument.party}"
    ]


def _before_telling(transaction: Transaction, row: Any) -> datetime:
    """The last moment before the day from which on a notice is owed, as its row says.

    What may be told since an hour of that day may be told only now: nobody was written to before.
    """
    day = transaction.clock.day_of(to_datetime(row.notice_from))
    start = datetime.combine(day, time.min, transaction.clock.zone)
    return start - timedelta(microseconds=1)


def _fields_given(
    transaction: Transaction, person_id: PersonId, instrument: Instrument
) -> dict[str, Instrument]:
    """The kinds of data that were released of somebody, in its order.

    With each goes the instrument as it was when that was released of them last.
    """
    times = {
        field: at
        for at, fields in _releases(transaction, person_id, instrument)
        for field in fields
    }
    return {
        each: instrument._replace(released=times[each])
        for each in instrument.fields
        if each in times
    }


def _is_given(values: Sequence[Value], but: Sequence[Value], instrument: Instrument) -> bool:
    """Whether a release had some of the values of a field, the oldest first: of its period.

    One that is not among others.
    """
    start, end = instrument.period_start, instrument.period_end
    ends = [each.at for each in values[1:]]
    return any(
        each not in but
        and _is_before_release(each.at, instrument)
        and (end is None or each.at < end)
        and (start is None or until is None or until > start)
        for each, until in zip_longest(values, ends)
    )


def _is_before_release(at: datetime, instrument: Instrument) -> bool:
    """Whether what came in at a moment was there at the last release."""
    return instrument.released is not None and at <= instrument.released


def notice_text(transaction: Transaction, person_id: PersonId, instrument: Instrument) -> str:
    """What a customer reads: who demanded what, on which ground, and when it was given.

    That is what was released of them alone, of all that the instrument demands, on each day.
    """
    words = Words(transaction.policy.program)
    recipient = words.term("party", instrument.recipient)
    days = dict[str, list[str]]()  # by the kinds of data, in words
    for at, fields in _releases(transaction, person_id, instrument):
        kinds = word_list((words.term("data", each) for each in fields), "and")
        day = format_day(transaction.clock.day_of(at))
        if day not in days.setdefault(kinds, []):
            days[kinds].append(day)
    parts = [(kinds, word_list(its, "and")) for kinds, its in days.items()]
    if len(parts) == 1:
        ((kinds, when),) = parts
        text = (
            f"this about you: {kinds}. We gave exactly that to {recipient} on {when}, and nothing"
            " else."
        )
    else:
        lines = (f"\non {when}: {kinds}" for kinds, when in parts)
        text = (
            f"information about you. We gave exactly this to {recipient}, and nothing else:\n"
            f"{''.join(lines)}"
        )
    return (
        f"{KIND_NAMES.get(instrument.kind, 'legal process').capitalize()} of {instrument.issuer}"
        f" ({instrument.reference}) obliged us to give {text}\n\n"
        "What was given is in your account, among what others received. You can write to us"
        " about it under Help, and you may ask a lawyer."
    )


def _is_silent(transaction: Transaction, person_id: PersonId, instrument: Instrument) -> bool:
    """Whether this instrument forbids to tell now, whatever was planned when it was released."""
    at = microseconds(transaction.clock.now())
    records, _ = transaction.records_of([person_id], [INSTRUMENT])
    return any(
        each.fact == SILENT and each.party in ("", instrument.party) and each.in_force(at)
        for each in records
    )

"""What customers bought from business partners, as those tell us: taken in, kept, and deleted.

A row is matched by the confirmed e-mail address of exactly one customer, or it is
dropped; nothing of it is written then. Rows that come together are one act of each customer,
`collect` from the partner, with its entry, and what the policy lets nobody store is not collected.
It stands sealed in a table of its own, which no bill and no other company reads. A row is known by
its customer, company and reference: it is taken once, and again where a stolen access told the
first. The same reference told of another customer is a row of theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, time
from functools import partial
from hashlib import sha256
from typing import Any, Final, NamedTuple

import msgspec

from upheld.core.company_names import company_name
from upheld.core.errors import UpheldError
from upheld.core.ids import FeedId, PersonId
from upheld.database.own_tables import people_between
from upheld.gate.act.request import Act, Refused
from upheld.gate.evidence.trusted_time import trusted_time
from upheld.gate.gate import Gate
from upheld.gate.public import SealedError
from upheld.gate.set_aside import trial_of
from upheld.gate.transaction import Transaction
from upheld.policy.request import Decision
from upheld.practice import partner_marks, withdrawn_rows
from upheld.practice.kept_days import (
    first_day,
    holds_of,
    is_told,
    told_again_since,
    told_only_since,
)
from upheld.practice.matching import people_of
from upheld.practice.partner_marks import RowKey
from upheld.practice.partner_programs import NO_FEED, StolenAccess
from upheld.practice.partner_rows import PartnerRow, PartnerTransaction, RowReader
from upheld.practice.tables import partner_transaction as table
from upheld.practice.withdrawn_rows import (
    ALL_GONE,
    ALL_WAITING,
    GONE,
    HIDDEN,
    SEALED_FOR,
    SERVING,
    WAITS,
)

JOB: Final = "partner transactions"
PARTNER: Final = "business-partner"
STORE: Final = Act(action="store", data=("transaction",))
UNMATCHED, TWICE, REFUSED = "unmatched", "nothing_new", "refused"
UNREADABLE: Final = "unreadable"
_ERASED: Final = "no-person"
NEVER: Final = "~"  # after each day


class OwnTransaction(NamedTuple):
    """A transaction that is kept of somebody: with which company, and when we were told."""

    company: str
    received_on: str  # a day
    row: PartnerTransaction
    stolen: bool = False  # whether the access by which we were told of it was stolen


# A row that can be read, by its place among those that came together, and what it is known by.
_Match = tuple[int, PartnerRow, RowKey]


def take(
    transaction: Transaction,
    party: str,
    rows: Sequence[Mapping[str, str]],
    feed_id: FeedId = NO_FEED,
) -> list[str]:
    """Take rows of a partner's in, by their words, as `take_rows` does."""
    reader = RowReader(transaction.clock.today())
    return take_rows(transaction, party, [reader.row(each) for each in rows], feed_id)


def take_rows(
    transaction: Transaction,
    party: str,
    rows: Sequence[PartnerRow | None],
    feed_id: FeedId = NO_FEED,
) -> list[str]:
    """Take rows of a partner's in, in their order; of each why it was left out, or nothing.

    None is one that cannot be read. What comes of each is as if it had come alone, but each person
    is decided once for all of theirs, and what is collected of many people is entered together.
    """
    matches, reasons = _match(transaction, party, rows)
    there = _keys_there(transaction, party, matches, feed_id)
    first = _first_days(transaction, party, [each for each in matches if each[2] not in there])
    to_keep = list[_Match]()
    for match in matches:
        number, row, key = match
        if key in there:
            reasons[number] = TWICE
        elif row.day < first.get(key[0], NEVER):
            reasons[number] = REFUSED
        else:
            to_keep.append(match)
            there.add(key)
    keep_contents(transaction, party, feed_id, [(key, row.content) for _, row, key in to_keep])
    return reasons


def _match(
    transaction: Transaction, party: str, rows: Sequence[PartnerRow | None]
) -> tuple[list[_Match], list[str]]:
    """The rows that can be read and are of exactly one customer; why each other one is left out.

    These customers are locked; whoever is being erased is nobody's.
    """
    today = transaction.clock.today().isoformat()
    readable = [
        (number, row) for number, row in enumerate(rows) if row is not None and row.day <= today
    ]
    people = people_of(transaction, [row.whose for _, row in readable])
    present = set(transaction.lock_present(sorted({each for each in people if each is not None})))
    reasons, mine = [UNREADABLE] * len(rows), list[tuple[int, PartnerRow]]()
    whose = list[tuple[PersonId, str]]()
    for (number, row), person_id in zip(readable, people, strict=True):
        if person_id is None or person_id not in present:
            reasons[number] = UNMATCHED
        else:
            reasons[number] = ""
            mine.append((number, row))
            whose.append((person_id, row.reference))
    marks = partner_marks.marks_of(transaction, party, whose)
    return [
        (number, row, (person_id, mark))
        for (number, row), (person_id, _), mark in zip(mine, whose, marks, strict=True)
    ], reasons


def _keys_there(
    transaction: Transaction, party: str, matches: Sequence[_Match], feed_id: FeedId
) -> set[RowKey]:
    """Which of some rows, of people who are locked, were taken in before.

    What a stolen access told by their references keeps no true row out: it gets another mark.
    """
    keys = {key: key for _, _, key in matches}
    references = [row.reference for _, row, _ in matches]
    former = partner_marks.former_marks_of(transaction, party, references)
    keys |= {(key[0], mark): key for (_, _, key), mark in zip(matches, former, strict=False)}
    rows, stolen = partner_marks.rows_of_keys(transaction, keys), StolenAccess(transaction.tables)
    is_doubtful = stolen.covers(party, feed_id)
    doubtful = [each for each in rows if not is_doubtful and stolen.covers(party, each.feed_id)]
    withdrawn_rows.free_marks(transaction, doubtful)
    there = {(PersonId(each.person_id), each.mark) for each in rows}
    there -= {(each.person_id, each.mark) for each in doubtful}
    return {keys[each] for each in there}


def _first_days(
    transaction: Transaction, party: str, mine: Sequence[_Match]
) -> dict[PersonId, str]:
    """From which day on we may collect and store rows of whom; they are entered as collected."""
    if not mine:
        return {}
    latest: dict[PersonId, str] = {}
    for _, row, (person_id, _) in mine:
        if row.day > latest.get(person_id, ""):
            latest[person_id] = row.day
    first, days = dict[PersonId, str](), dict[int, tuple[Decision, str]]()

    def is_in_time(person_id: PersonId, decisions: Sequence[Decision]) -> bool:
        """Whether the policy lets us store anything of theirs; the first day of it is noted."""
        (store,) = decisions
        if not store.allowed:
            return False
        day = days.get(id(store))
        if day is None:  # of those alike it is the same decision
            day = days[id(store)] = store, first_day(transaction.clock, store)
        first[person_id] = day[1]
        return latest[person_id] >= first[person_id]

    collect = Act(
        action="collect",
        data=("transaction",),
        source=PARTNER,
        occasion="partner-transaction",
        party=party,
    )
    outcomes = transaction.sweep(collect, list(latest), only_if=STORE, chooses=is_in_time)
    return {
        each: first[each] for each, outcome in outcomes.items() if not isinstance(outcome, Refused)
    }


def keep_contents(
    transaction: Transaction, party: str, feed_id: FeedId, some: Sequence[tuple[RowKey, bytes]]
) -> None:
    """Keep rows that a company told, each a transaction in JSON; the policy was asked before."""
    sealer, received = transaction.sealer(*SEALED_FOR), transaction.clock.today().isoformat()
    contents = sealer.seal_each(
        [content for _, content in some],
        [(person_id, party, mark) for (person_id, mark), _ in some],
    )
    transaction.tables.insert_rows(
        table,
        ("person_id", "party", "mark", "feed_id", "received", "sealed", "gone"),
        [
            (person_id, party, mark, feed_id, received, content, None)
            for ((person_id, mark), _), content in zip(some, contents, strict=True)
        ],
    )


def of_person(transaction: Transaction, person_id: PersonId) -> list[OwnTransaction]:
    """What may be told of somebody's transactions with partners, the latest first."""
    return _read(transaction, withdrawn_rows.visible(transaction, person_id))


def _read(transaction: Transaction, rows_read: Sequence[Any]) -> list[OwnTransaction]:
    """What some rows say, the latest first."""
    rows = [its for _, its in read_rows(transaction, rows_read)]
    return sorted(rows, key=lambda each: (each.row.day, each.row.reference), reverse=True)


def read_rows(
    transaction: Transaction, rows_read: Sequence[Any]
) -> list[tuple[Any, OwnTransaction]]:
    """Each of some rows with what it says, in their order."""
    sealer, stolen = transaction.sealer(*SEALED_FOR), StolenAccess(transaction.tables)
    result = list[tuple[Any, OwnTransaction]]()
    for each in rows_read:
        place = (each.person_id, each.party, each.mark)
        content = sealer.unseal(each.sealed, *place, what="a transaction")
        row = msgspec.json.decode(content, type=PartnerTransaction)
        company = row.company or company_name(each.party)
        is_stolen = row.stolen or stolen.covers(each.party, each.feed_id)
        result.append((each, OwnTransaction(company, each.received, row, is_stolen)))
    return result


def rows_of(transaction: Transaction, person_id: PersonId) -> list[tuple[datetime, str]]:
    """What is kept of them, told or not: lines, each with the beginning of the day we heard it."""
    return _lines(transaction, transaction.tables.select(table, "person_id = ?", person_id))


def rows_after_silence(
    transaction: Transaction, person_id: PersonId, before: datetime
) -> list[tuple[datetime, str]]:
    """Those of `rows_of` that were told as gone, and are told of since a silence is over.

    But for those that were told of at a moment before, as `told_only_since` has it.
    """
    with suppress(SealedError):  # one that was changed is left to self-check
        _tell_again(transaction, person_id)
    mine = withdrawn_rows.visible(transaction, person_id)
    is_told_only_now = told_only_since(transaction, person_id, STORE, before)
    return _lines(transaction, [each for each in mine if is_told_only_now(each.gone)])


def _lines(transaction: Transaction, rows_read: Sequence[Any]) -> list[tuple[datetime, str]]:
    zone = transaction.clock.zone
    return [
        (
            datetime.combine(date.fromisoformat(each.received_on), time.min, zone),
            _line(each),
        )
        for each in _read(transaction, rows_read)
    ]


def _line(its: OwnTransaction) -> str:
    row = its.row
    amount = f"{row.cents / 100:.2f} {row.currency}"
    marked = "; the access by which we were told was stolen" if its.stolen else ""
    return f"{row.day} {its.company}: {row.what}, {amount}, reference {row.reference}{marked}"


def texts_since(transaction: Transaction, person_id: PersonId, day: date) -> list[str]:
    """What somebody bought from partners on a day or later, in the words of those.

    But what came by a stolen access, which may not be so, and what a hold alone keeps.
    """
    mine = withdrawn_rows.visible(transaction, person_id)
    rows = _read(transaction, [each for each in mine if each.feed_id[:1] != WAITS])
    return [each.row.what for each in rows if each.row.day >= day and not each.stolen]


def mark_of(transaction: Transaction, person_id: PersonId) -> tuple[object, ...]:
    """What is another when rows that serve came, went or are others than before."""
    columns, where = ("mark", "mac", "party", "feed_id"), f"person_id = ? AND {SERVING}"
    rows = transaction.tables.select_unchecked(
        table, columns, where, person_id, ALL_GONE, ALL_WAITING
    )
    stolen = StolenAccess(transaction.tables) if rows else None
    doubtful = (
        sum(stolen.covers(str(party), FeedId(str(feed_id))) for *_, party, feed_id in rows)
        if stolen
        else 0
    )
    macs = sorted(mac or mark.encode() for mark, mac, *_ in rows)
    return len(rows), doubtful, sha256(b"".join(macs)).digest()


def number_between(transaction: Transaction, after: str, last: str) -> tuple[int, int]:
    """How many rows serve of people after an id, up to another or to the end (empty).

    With how many accesses were stolen, which is another number once rows are doubted anew.
    """
    (whose, *ids), tables = people_between(after, last), transaction.tables
    where = f"{whose} AND {SERVING}"
    ((number,),) = tables.select_unchecked(table, ["COUNT(*)"], where, *ids, ALL_GONE, ALL_WAITING)
    return int(number), StolenAccess(tables).number


def erase(transaction: Transaction, person_id: PersonId) -> None:
    """Delete what partners told of somebody who is erased, unless the law keeps us from it."""
    if not any(holds_of(transaction, person_id, STORE)):
        transaction.tables.purge(table, "person_id = ?", person_id)


def retire(gate: Gate) -> int:
    """Delete what may be kept no longer; how many rows.

    Whoever alone may not be stored any more, such as who asked for an erasure, is left to that.
    Of whom something is not as it was written, they are set aside, but not for what nobody is told.
    ClockError while the clock is in doubt.
    """
    trusted_time(gate)
    with trial_of(gate, JOB) as trial:
        with gate.together() as transaction:
            hidden, people = (
                [
                    PersonId(str(who))
                    for (who,) in transaction.tables.select_unchecked(
                        table, ["person_id"], f"feed_id {which} LIKE ? GROUP BY person_id", ALL_GONE
                    )
                ]
                for which in ("", "NOT")
            )
            apart = transaction.apart_among(sorted({*hidden, *people}))
        for each in sorted({*hidden} - apart):
            trial.one(partial(_settle_hidden, gate, each), each, listed=False)
        return sum(
            trial.one(partial(_retire, gate, each), each) or 0 for each in sorted({*people} - apart)
        )


def _settle_hidden(gate: Gate, person_id: PersonId) -> None:
    """Delete what of somebody's was told as gone once no hold keeps it, or tell of it again."""
    with gate.together() as transaction:
        holds = holds_of(transaction, person_id, STORE)
        _tell_again(transaction, person_id)
        if not (holds.open or holds.silent):  # without another word, as it was written or not
            transaction.tables.purge(table, HIDDEN, person_id, ALL_GONE)


def _tell_again(transaction: Transaction, person_id: PersonId) -> None:
    """Tell of somebody's rows that were told as gone, as `told_again_since` has it."""
    since = told_again_since(transaction, person_id, STORE)
    if since is not None:
        withdrawn_rows.show_again(transaction, person_id, since)


def _retire(gate: Gate, person_id: PersonId) -> int:
    """Delete, or set apart, what of somebody's may be kept no longer, and say so once.

    Of whom a law keeps something apart alone, it goes with them.
    """
    with gate.together() as transaction:
        holds = holds_of(transaction, person_id, STORE)
        if holds.open:
            return 0
        decision = _storing(transaction, person_id)
        oldest = first_day(transaction.clock, decision) if decision.allowed else NEVER
        if is_there_for_others(transaction, person_id):
            oldest = NEVER
        rows = [
            each
            for each in withdrawn_rows.visible(transaction, person_id)
            if each.received < oldest or each.feed_id[:1] == WAITS
        ]
        if holds.silent:
            withdrawn_rows.keep_for_hold(transaction, rows, GONE)
        else:
            transaction.tables.delete_rows(table, rows)
        if rows:
            transaction.note(
                person_id,
                "retention",
                action="delete",
                data=STORE.data,
                clauses=decision.clauses,
            )
    return len(rows)


def is_there_for_others(transaction: Transaction, person_id: PersonId) -> bool:
    """Whether somebody was erased, and is there for other kinds of data than this alone.

    To be asked where no hold keeps what partners told of them: one kept it until now.
    """
    with suppress(SealedError):  # what was changed is left to self-check
        return transaction.is_erased(person_id)
    return False


def _storing(transaction: Transaction, person_id: PersonId) -> Decision:
    """The decision on storing it: of this person, or of anybody where it is theirs alone."""
    general = transaction.arrivals.decide(STORE)
    try:
        own = transaction.peek(person_id, STORE)
    except UpheldError as error:
        # What was changed of a hold alone is not told: it may be one of which nobody may speak.
        is_of_hold = isinstance(error, SealedError) and not is_told(transaction, person_id)
        if error.code != _ERASED and not is_of_hold:
            raise
        return general
    return _either(own, general)


def storing_each(transaction: Transaction, people: Sequence[PersonId]) -> dict[PersonId, Decision]:
    """By which decision the job goes for each of some people; all of them are asked at once.

    Whoever something was changed of is left out.
    """
    general = transaction.arrivals.decide(STORE)
    try:
        own = transaction.peek_each(people, STORE)
    except UpheldError:  # of somebody: each is asked alone
        answers = dict[PersonId, Decision]()
        for each in people:
            with suppress(SealedError):
                answers[each] = _storing(transaction, each)
        return answers
    return {each: _either(its, general) for each, its in own.items()}


def _either(own: Decision, general: Decision) -> Decision:
    return own if own.allowed or not general.allowed else general

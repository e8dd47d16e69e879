"""The records of many people at once: who has one in force, and how they are ended together.

Who agreed to a purpose, or has a task, is asked of the records themselves, by the kind of record
and what it is about: no fact is proven anew and no value is read. The answer is one entry, which
commits to what was listed and names nobody. To end them is one act too, with an entry for a hundred
people, which each of them finds among their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache, reduce
from operator import or_
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from upheld.core.ids import PersonId
from upheld.database import rows as database
from upheld.database.tables import microseconds
from upheld.database.tables import record as table
from upheld.gate import obligations
from upheld.gate.act.context import GateContext
from upheld.gate.act.options import RecordFilter
from upheld.gate.evidence import records
from upheld.gate.evidence.records import Record
from upheld.gate.log import entries
from upheld.ledger.entries import Entry
from upheld.policy.request import Checker
from upheld.policy.vocabulary import DIMENSIONS, TREE_OF
from upheld.vault import people
from upheld.vault.people import ACTIVE

TOGETHER = 100  # records in one entry
BESIDES_MAX = 64  # in a query
JUDGED_MAX = 256  # of one question


class RecordQuery(NamedTuple):
    """Which records: of a kind, of a fact where that has several, about what, of which party.

    `about` says a word for each dimension that matters, `person_id` whose alone.
    """

    kind: str
    fact: str
    party: str
    person_id: PersonId | None
    about: dict[str, str]


def record_query(checker: Checker, kind: str, which: RecordFilter) -> RecordQuery:
    """The query that some options say; RequestError for a word that its dimension does not have."""
    words: dict[str, Any] = {name: which.get(name) for name in DIMENSIONS}
    about = {dimension: word for dimension, word in words.items() if word is not None}
    for dimension, word in about.items():
        checker.dimension(dimension, word)
    fact, party = which.get("fact", ""), which.get("party", "")
    return RecordQuery(kind, fact, party, which.get("person_id"), about)


def list_records(context: GateContext, connection: Connection, query: RecordQuery) -> list[Record]:
    """The records in force that hold of all that is asked, with one entry that they were listed."""
    at = context.clock.now()
    matching = _find(context, connection, query, at, whole=True)
    ids = None if query.person_id else [each.record_id for each in matching]
    entry = _entry(context, query, entries.LISTED, "list")
    entries.write(connection, entry, query.person_id, at, rows_of=ids)
    return matching


def end(
    context: GateContext, connection: Connection, query: RecordQuery, until: datetime | None
) -> list[Record]:
    """Withdraw every record that speaks of what is asked, or let it end sooner; as they are now.

    One that speaks of more besides ends as a whole. None is made to last longer than it would.
    """
    at = context.clock.now()
    moment = microseconds(at if until is None else until)
    change = "withdrawn" if until is None else "ends"
    ended = [
        msgspec.structs.replace(each, **{change: moment})
        for each in _find(context, connection, query, at, whole=False)
        if until is None or each.ends is None or each.ends > moment
    ]
    if not ended:
        return []
    people.lock_all(connection, sorted({each.person_id for each in ended}))
    records.keep_ends(connection, ended)
    done = "withdraw" if until is None else "end"
    for first in range(0, len(ended), TOGETHER):
        _note(context, connection, query, done, ended[first : first + TOGETHER], at)
    return ended


def _note(
    context: GateContext,
    connection: Connection,
    query: RecordQuery,
    done: str,
    some: Sequence[Record],
    at: datetime,
) -> None:
    """The entry that some records were ended, and what is owed now that they were."""
    whose = list(dict.fromkeys(each.person_id for each in some))
    entry = _entry(context, query, "record", done, [each.record_id for each in some])
    number, _ = entries.write(connection, entry, whose[0] if len(whose) == 1 else whose, at)
    if obligations.proven_by(context.policy, query.kind):
        for each in some:
            obligations.reassess(
                context, connection, each.person_id, query.kind, number, each.record_id
            )


def _entry(
    context: GateContext, query: RecordQuery, kind: str, action: str, ids: Sequence[str] = ()
) -> Entry:
    """An entry that says what was asked."""
    recipient = query.about.get("recipient", "party" if query.party else "")
    return Entry(
        kind=kind,
        time="",
        policy=context.policy.digest,
        action=f"{action} {query.kind}",
        purpose=query.about.get("purpose", ""),
        recipient=f"{recipient} {query.party}".strip(),
        evidence=tuple(ids),
    )


def _find(
    context: GateContext, connection: Connection, query: RecordQuery, at: datetime, *, whole: bool
) -> list[Record]:
    """The records in force of people who are there; RecordError where one is not believed.

    With `whole` those that hold of all that is asked, else those that speak of any part of it.
    """
    checker = context.policy.engine.checker
    about = tuple(query.about.items())
    masks = {d: checker.dimension(d, word) for d, word in about}
    fits = _judge(checker, query.fact, about, whole)
    dims_to_check = [] if query.person_id else list(fits.items())  # at once: others may add to it
    besides = [dims for dims, fit in dims_to_check if not fit][:BESIDES_MAX]
    parties = ("", query.party) if whole else (query.party,)
    rows = records.of_kind(
        connection,
        query.kind,
        parties if query.party else (),
        query.person_id,
        ACTIVE,
        microseconds(at),
        has_begun=whole,
        besides=besides,
    )
    mine = []
    for each in rows:
        dims = each[records.DIMS_AT]
        if (fit := fits.get(dims)) is None:
            fit = _fits(dims, query.fact, masks, checker, whole=whole)
            if len(fits) < JUDGED_MAX:
                fits[dims] = fit
        if fit:
            mine.append(each)
    verified = records.verify(connection, mine)
    if verified.forged:
        raise records.changed_message(verified.forged[0])
    database.require_intact(
        connection, table, {each.person_id for each in verified.records}, [query.kind]
    )
    return verified.records


@lru_cache(maxsize=256)
def _judge(
    checker: Checker, fact: str, about: tuple[tuple[str, str], ...], whole: bool
) -> dict[str, bool]:
    """Whether what records were about was what is asked, to be added to.

    Few different things are agreed to, so that a database need not give those that are known.
    """
    del checker, fact, about, whole
    return {}


def _fits(dims: str, fact: str, masks: dict[str, int], checker: Checker, *, whole: bool) -> bool:
    """Whether what a record is about is what is asked; a row that is none is left to its MAC."""
    try:
        record_fact, about = records.about_of(dims)
    except (msgspec.MsgspecError, TypeError, IndexError):
        return True
    if fact and record_fact not in {"", fact}:
        return False
    for dimension, mask in masks.items():
        words = about.get(dimension)
        if not words:
            continue  # it holds of all
        place_masks = checker.masks[TREE_OF[dimension]]
        common = mask & reduce(or_, (place_masks.get(word, 0) for word in words))
        if not common or (whole and common != mask):
            return False
    return True

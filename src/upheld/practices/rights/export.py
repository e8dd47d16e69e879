"""A copy of everything that is held about a person: JSON, tables, and pages to read, in one zip.

It is made when it is asked for and sent piece by piece; nothing of it is left on a disk. Whoever
gets it is the person themselves: passwords are not in it, of which we have but hashes,
and a cell that a spreadsheet would run as a formula is made plain text.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import jinja2
import msgspec

from upheld.core.ids import PersonId
from upheld.database.columns import BEGINNING
from upheld.gate.act.request import Act, Refused
from upheld.gate.evidence.records import Record
from upheld.gate.log.receipts import AccountLine
from upheld.gate.public import Entry
from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.practice import gag_orders
from upheld.practice.gag_orders import GagFilter
from upheld.practice.sheets import sheet
from upheld.practices.rights import record_notes, requests
from upheld.practices.rights.inventory import InventoryItem, plain
from upheld.practices.rights.sentences import sentence
from upheld.practices.rights.values_apart import read_everything

KIND: Final = "access"  # of the request
README: Final = "read-me.html"


class DataExport(NamedTuple):
    """All that is told to a person about themselves."""

    policy: Policy
    at: datetime
    items: list[InventoryItem]
    apart: list[InventoryItem]  # what a legal hold keeps of what they were told is deleted
    entries: list[AccountLine]
    records: list[Record]
    texts: dict[str, str]
    requests: list[requests.RightsRequest]

    def __repr__(self) -> str:
        return f"Everything({len(self.items)} kinds, {len(self.entries)} entries)"


def copy_act(fields: Iterable[str]) -> Act:
    """The act that gives a customer a copy of some fields, of those that may be given."""
    return Act(
        action="share",
        data=tuple(fields),
        recipient="customer",
        purpose="rights-request",
        occasion="other",
        partial=True,
    )


def gather(transaction: Transaction, person_id: PersonId, derived: bool) -> DataExport | Refused:
    """Everything about a person for themselves: the request is made, given, and answered.

    A question to our staff that waits goes on waiting.
    """
    request = requests.open_request(transaction, person_id, KIND)
    if isinstance(request, Refused):
        return request
    everything = read_everything(transaction, person_id, derived, copy_act(()))
    if isinstance(everything, Refused):
        return everything
    if not request.task_id:  # else somebody asked more than a copy says, and a person answers
        answer = requests.answer(transaction, request)
        if isinstance(answer, Refused):
            return answer
    gag, policy = GagFilter(transaction, person_id), transaction.policy
    kinds = sorted({f.proof for f in policy.program.vocabulary.facts.values() if f.proof})
    all_records, _ = transaction.records_of([person_id], kinds)
    mine = [each for each in all_records if not gag.record(each)]
    return DataExport(
        policy,
        transaction.clock.now(),
        everything.items,
        everything.apart,
        gag_orders.visible_entries(transaction, person_id),
        mine,
        {
            e.text_digest: transaction.text_shown(person_id, e.record_id)
            for e in mine
            if e.text_digest
        },
        requests.requests_of(transaction.tables, person_id),
    )


def pieces(
    all_: DataExport, env: jinja2.Environment, policy_behind: Callable[[Entry], Policy]
) -> Iterator[bytes]:
    """The zip, piece by piece; what was done in the words of the version that decided it."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]  # a sink that can only be written to is enough
        for name, text in files(all_, env, policy_behind):
            archive.writestr(name, text)
            yield sink.drain()
    yield sink.drain()


class _Sink:
    """What a zip is written to: it gives away what it has, and cannot go back."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, part: bytes) -> int:
        """Take a part."""
        self._parts.append(bytes(part))
        return len(part)

    def flush(self) -> None:
        """Nothing waits anywhere else."""

    def drain(self) -> bytes:
        """What was written since the last time."""
        data, self._parts = b"".join(self._parts), []
        return data


def _sentences(
    all_: DataExport, policy_behind: Callable[[Entry], Policy]
) -> list[tuple[AccountLine, str]]:
    """Each entry in words, with what its record is about."""
    about = record_notes.notes(all_.policy, all_.records, all_.requests)
    return [
        (
            each,
            f"{sentence(each.entry, policy_behind(each.entry))}"
            f" {record_notes.note_of(each.entry, about)}".rstrip(),
        )
        for each in all_.entries
    ]


def files(
    all_: DataExport, env: jinja2.Environment, policy_behind: Callable[[Entry], Policy]
) -> Iterator[tuple[str, str]]:
    """Each file of the copy by its name."""
    policy = all_.policy
    sentences = _sentences(all_, policy_behind)
    page = env.get_template("rights/copy.html")
    yield README, page.render(all=all_, sentences=sentences, front=policy.front)
    yield "everything.json", json.dumps(as_json(all_, sentences), ensure_ascii=False, indent=1)
    yield (
        "values.csv",
        sheet(
            ("kind", "value", "origin", "came in", "clauses", "kept"),
            (
                (
                    each.name,
                    each.view.text,
                    each.origin,
                    each.rows[-1].at.isoformat(),
                    " ".join(c.id for c in each.intake_clauses),
                    each.retention,
                )
                for each in (*all_.items, *all_.apart)
                if not each.series
            ),
        ),
    )
    for before, items in (("", all_.items), ("on-hold-", all_.apart)):
        for each in items:
            if each.series:
                name = f"{before}{each.field}.csv"
                yield name, sheet(each.table.columns, each.table.rows)
    yield (
        "what-was-done.csv",
        sheet(
            ("number", "time", "what", "clauses"),
            (
                (str(each.number), each.at.isoformat(), text, " ".join(each.entry.clauses))
                for each, text in sentences
            ),
        ),
    )
    yield (
        "records.csv",
        sheet(
            (
                "id",
                "kind",
                "party",
                "about",
                "from",
                "until",
                "withdrawn",
                "given by",
                "text shown",
            ),
            (_record_row(each, all_.texts) for each in all_.records),
        ),
    )


def as_json(all_: DataExport, sentences: Sequence[tuple[AccountLine, str]]) -> dict[str, Any]:
    """Everything as plain JSON."""
    front = all_.policy.front
    return {
        "format": "upheld-copy-1",
        "made": all_.at.isoformat(timespec="seconds"),
        "policy": {"title": front.policy, "version": front.version, "sha256": all_.policy.digest},
        "held": [_item_json(each) for each in all_.items],
        "on_hold": [_item_json(each) for each in all_.apart],
        "entries": [
            {
                "number": each.number,
                "said": text,
                "entry": msgspec.to_builtins(each.entry),
            }
            for each, text in sentences
        ],
        "records": [
            {**msgspec.to_builtins(each), "text": all_.texts.get(each.text_digest, "")}
            for each in all_.records
        ],
        "requests": [each.status() for each in all_.requests],
    }


def _item_json(item: InventoryItem) -> dict[str, Any]:
    """A kind of data with its values as plain JSON."""
    return {
        "data": item.field,
        "label": item.name,
        "kept": item.retention,
        "rows": [
            {
                "value": plain(row.value) if item.series else row.value,
                "origin": row.origin.origin,
                "occasion": row.origin.occasion,
                "clause": row.origin.clause,
                "public_source": row.origin.public_source,
                "at": row.at.isoformat(),
            }
            for row in item.rows
        ],
    }


def _record_row(each: Record, texts: dict[str, str]) -> Sequence[str]:
    about = "; ".join(f"{d}: {', '.join(words)}" for d, words in each.about.items())
    return (
        each.record_id,
        each.fact or each.kind,
        each.party,
        about,
        _moment(each.valid_from),
        _moment(each.ends),
        _moment(each.withdrawn),
        each.by_whom,
        texts.get(each.text_digest, ""),
    )


def _moment(instant: int | None) -> str:
    return "" if instant is None else (BEGINNING + timedelta(microseconds=instant)).isoformat()

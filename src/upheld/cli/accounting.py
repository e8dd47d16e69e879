"""What `upheld ledger` does with a provider's own database: verify, prove, keep, account."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer

from upheld.cli.output import complain, print_json
from upheld.core.counts import count_of
from upheld.core.errors import UpheldError
from upheld.core.ids import EntryNumber, PersonId

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from upheld.gate.log.receipts import AccountQuery
    from upheld.ledger.checkpoint import Checkpoint
    from upheld.ledger.note import Key
    from upheld.ledger.verify import Receipt


@contextmanager
def database(settings: Path | None) -> Iterator[Connection]:
    """A provider's database, to be read."""
    from upheld.cli.admin import settings_in
    from upheld.database.engines import open_database
    from upheld.database.schema import require_current
    from upheld.database.transaction import reading

    engine = open_database(settings_in(settings).database, make=False)
    try:
        require_current(engine)
        with reading(engine) as connection:
            yield connection
    finally:
        engine.dispose()


def verify_database(
    settings: Path, key: Key | None, witnesses: Sequence[Key], since: bytes | None, *, as_json: bool
) -> None:
    """Verify the whole ledger of a database, and tell everything that is wrong with it."""
    from upheld.cli.admin import keyring_of, settings_in
    from upheld.gate.log.audit import audit
    from upheld.gate.log.detach import counts
    from upheld.vault.belonging import unlock

    configuration = settings_in(settings)
    keyring = keyring_of(configuration) if configuration.keyring else None
    with database(settings) as connection:
        severed = None
        if keyring is not None:
            unlock(connection.engine, keyring)
            severed = counts(connection)
        report = audit(connection, key, since, severed, witnesses)
    if as_json:
        print_json(report)
    else:
        for each in report.findings:
            print(each)
        state = "ok" if report.ok else count_of(len(report.findings), "finding")
        print(
            f"{count_of(report.entries, 'entry')}, {report.covered:,} covered, "
            f"{count_of(report.checkpoints, 'checkpoint')}: {state}"
        )
    if not report.ok:
        raise typer.Exit(1)


def prove_database(settings: Path, about: str) -> tuple[int, Receipt]:
    """The receipt of an entry by its number."""
    from upheld.gate.log.receipts import receipt_of

    if not about.isdecimal():
        raise UpheldError(
            f"{about} is not the number of an entry", code="usage", hint="see the account"
        )
    with database(settings) as connection:
        return int(about), receipt_of(connection, EntryNumber(int(about)))


def checkpoint_database(settings: Path, key: Key | None) -> tuple[bytes, Checkpoint]:
    """The latest checkpoint of a database, once its signature holds."""
    from upheld.gate.log.database_log import signed_checkpoint
    from upheld.ledger.checkpoint import open_checkpoint

    with database(settings) as connection:
        _, note, signers = signed_checkpoint(connection)
    return note.encode(), signers if key is None else open_checkpoint(note.encode(), key)


def cosign_in_database(
    settings: Path | None, raw: bytes, witnesses: Sequence[Key], *, as_json: bool
) -> None:
    """Keep the cosignatures of a note, and tell whose."""
    from upheld.cli.admin import gate_of, settings_in
    from upheld.gate.log.cosignatures import keep
    from upheld.ledger.witness import ForkError

    try:
        outcome, note = keep(gate_of(settings_in(settings)), raw, witnesses)
    except ForkError as error:
        complain(error, as_json=as_json)
        raise typer.Exit(1) from None
    if as_json:
        print_json({"ok": True, "size": outcome.size, "kept": [each.name for each in note]})
    else:
        names = ", ".join(each.name for each in note)
        print(
            f"{count_of(outcome.size, 'entry')} of {outcome.origin}: "
            + (f"cosigned by {names}" if note else "kept already")
        )


def begin_in_database(settings: Path | None, because: str, *, as_json: bool) -> None:
    """Begin a new log, and tell what it needs."""
    from upheld.cli.admin import gate_of, settings_in
    from upheld.gate.log.log_state import begin_again

    number = begin_again(gate_of(settings_in(settings)), because)
    if as_json:
        print_json({"first": number})
    else:
        print(f"a new log begins with entry {number:,}: give it a name and a key of its own, with")
        print("`upheld ledger keygen` and `log_key` in the settings")


def account_query(
    person: PersonId | None, clause: str, party: str, since: str, until: str, *, violations: bool
) -> AccountQuery:
    """What an account is asked for; days are those of UTC."""
    from upheld.gate.log.receipts import AccountQuery

    return AccountQuery(
        person_id=person,
        clause=clause.removeprefix("#"),
        party=party,
        since=_day(since),
        until=_day(until, 1),
        violations=violations,
    )


def _day(text: str, later: int = 0) -> datetime | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text) + timedelta(days=later)
    except (ValueError, OverflowError):
        raise UpheldError(
            f"{text} is not a day", code="usage", hint="write it as 2026-03-01"
        ) from None
    return datetime.combine(day, time(), UTC)


def account_database(
    settings: Path | None, query: AccountQuery, *, proofs: bool, as_json: bool
) -> None:
    """Print an account, a line an entry; as JSON a line each too, with its receipt.

    That of one person may be given to them: it is without what an order forbids to tell.
    """
    from upheld.cli.admin import gate_of, settings_in
    from upheld.database.transaction import reading
    from upheld.gate.inquiries import Inquiries
    from upheld.gate.log.receipts import account
    from upheld.practice.gag_orders import GagFilter

    gate = gate_of(settings_in(settings))
    count = 0
    with reading(gate.engine) as connection:
        whose = query.person_id
        gag = GagFilter(Inquiries(gate.context, connection), whose) if whose else None
        for line in account(connection, gate.policy, query, proofs=proofs or as_json):
            if gag and gag.entry(line.entry):
                continue
            count += 1
            if as_json or proofs:
                print(msgspec.json.encode(line).decode())
            else:
                print(f"{line.number}: {line.text}")
    if not as_json and not proofs:
        print(count_of(count, "entry"))


def print_disclosures(settings: Path | None, query: AccountQuery) -> None:
    """Print who received what as CSV, but for what an order forbids to tell."""
    from upheld.cli.admin import gate_of, settings_in
    from upheld.database.transaction import reading
    from upheld.gate.inquiries import Inquiries
    from upheld.practice import accounting
    from upheld.practice.sheets import sheet

    gate = gate_of(settings_in(settings))
    disclosure_query = accounting.DisclosureQuery(
        query.person_id, query.party, query.clause, query.since, query.until
    )
    with reading(gate.engine) as connection:
        rows = accounting.disclosures(Inquiries(gate.context, connection), disclosure_query)
    print(sheet(accounting.COLUMNS, accounting.table(rows)), end="")


def print_counts(settings: Path) -> None:
    """Print the last table of counts of a provider, with its receipt once the log is signed."""
    from upheld.cli.admin import gate_of, settings_in
    from upheld.gate.operations.published_counts import signed
    from upheld.ledger.counts import write_signed

    counts = signed(gate_of(settings_in(settings)))
    if counts is None:
        raise UpheldError(
            "no table of counts is published yet",
            code="no-counts",
            hint="`upheld jobs` publishes one when a month is over",
        )
    print(write_signed(counts).decode(), end="")


def verify_counts_in(
    raw: bytes, file: Path, log: Key, witnesses: Sequence[Key], *, as_json: bool
) -> None:
    """Verify a table of counts, and tell what it says."""
    from upheld.ledger.counts import verify_counts
    from upheld.ledger.entries import EntryError
    from upheld.ledger.note import NoteError
    from upheld.ledger.tree import ProofError

    try:
        counts, covered, index = verify_counts(raw, log, witnesses)
    except (EntryError, NoteError, ProofError) as error:
        complain(error, as_json=as_json)
        raise typer.Exit(1) from None
    if as_json:
        print_json({"ok": True, "origin": covered.origin, "index": index, "counts": counts})
        return
    print(f"{file}: ok: entry {index} of {covered.origin}, {counts.provider}, {counts.month}")
    for each in counts.clauses:
        print(f"  #{each.clause}: decided {each.decided}, refused {each.refused}")
    for one in counts.disclosures:
        print(f"  since {counts.since}: {one.information} to {one.recipient}: {one.times}")

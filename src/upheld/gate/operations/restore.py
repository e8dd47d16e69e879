"""Put a backup back into an empty database: all of it in one transaction, or nothing.

Before anyone can read anything of it, who was erased since is erased again, and what was dropped is
dropped, by the list beside the keyring; and everybody's key is moved to the keyring's own epoch, so
that the keys that were kept with the backup are needed no more. A new log begins, whose first entry
names the last known checkpoint of the old one. The tables may be those of an earlier upheld: they
are made as they were, filled, and brought to what this one needs. All goes by the last version of
the policy that the backup has, and by the file of the settings only where none was posted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from upheld.core.clock import Clock, system_time
from upheld.core.counts import count_of
from upheld.core.ids import BackupId
from upheld.database import rows as database
from upheld.database import tables
from upheld.database.engines import open_database, open_or_remove
from upheld.database.schema import revision, upgrade
from upheld.database.statements import execute_many, placeholders, rows, run
from upheld.database.transaction import reading, scrub, writing
from upheld.gate import older_databases
from upheld.gate.editions import store
from upheld.gate.editions.mark import VersionMark
from upheld.gate.editions.store import EditionError
from upheld.gate.erasure import delete_fields, erase, erase_again
from upheld.gate.log import database_log, entries, lineage
from upheld.gate.operations import selfcheck
from upheld.ledger.checkpoint import Checkpoint, open_checkpoint, parse_text
from upheld.ledger.entries import Entry, stamp
from upheld.ledger.note import NoteError, parse_note, to_base64
from upheld.policy.load import Policy
from upheld.vault import archive, backups, escrow, people, values
from upheld.vault.archive import BackupError, Close, Head
from upheld.vault.erasures import Erasures
from upheld.vault.keyring import Keyring, Master

BATCH = 100  # people moved with one look


class RestoreOptions(NamedTuple):
    """What goes with a restore: where the keys were kept, what was published, and why anyway."""

    keys: Path | None = None
    published: bytes | None = None
    because: str = ""


class RestoreReport(NamedTuple):
    """What came back: how many people, entries, erasures that were replayed, what is not whole."""

    people: int
    entries: int
    erased: int
    previous: str
    problems: tuple[str, ...]


def keyring_for(path: Path, place: Path, master: Master, keys: Path | None) -> Keyring:
    """The provider's keyring; where it is lost, made again from the keys kept with a backup."""
    if not place.exists():
        if keys is None:
            raise BackupError(
                f"{place} is not there",
                code="escrow",
                hint="name the keys that were kept with the backup",
            )
        escrow.find(keys, archive.read_head(path).id, master).copy(place)
    return Keyring.open(place, master)


def restore(
    path: Path,
    url: str,
    policy: Policy | Callable[[], Policy],
    keyring: Keyring,
    master: Master,
    options: RestoreOptions,
) -> RestoreReport:
    """Put a backup back, and look through it; `policy` is that of one without posted versions.

    BackupError where the database is not empty, the backup or its keys are not whole, the list of
    erasures lacks some, or what was published has more than the backup; of the last two only as
    long as nobody says why.
    """
    because = lineage.entered_reason(options.because) if options.because else ""
    head = archive.read_head(path)
    both = keyring
    if head.epoch not in {each.number for each in keyring.epochs}:
        if options.keys is None:
            raise BackupError(
                f"the key of epoch {head.epoch} is not in the keyring",
                code="escrow",
                hint="name the keys that were kept with the backup",
            )
        both = keyring.reading_also(escrow.find(options.keys, head.id, master))
    with open_or_remove(url) as engine:
        _empty(engine)
        with writing(engine) as connection:
            closed = _load(connection, path, head, both)
            _require_erasure_list(keyring, closed, because)
            previous = _previous(connection, closed, options)
            last = entries.last_of(connection)
            older_databases.belong(connection, both)
            in_force = _in_force(connection, policy)
            first = lineage.restore_entry(previous, in_force.digest, because)
            number, _ = entries.write(connection, first, None, system_time())
            lineage.begin(connection, number, previous)
            since = stamp(last[1]) if last else ""
            erased = _settle(connection, in_force, keyring, both, options.keys, since)
            older = _earlier_version(connection, keyring, because)
        if older:
            accept_version(engine, keyring, Clock(), because)
        erase.finish(engine, keyring, Clock())
        Erasures(keyring).settle()
        scrub(engine)
        report = selfcheck.selfcheck(engine, keyring)
    engine.dispose()
    return RestoreReport(report.people, report.entries, erased, previous, report.problems)


def rehearse(path: Path, url: str, keyring: Keyring) -> tuple[str, ...]:
    """Put a backup into a database to be thrown away, and tell what is not whole."""
    engine = open_database(url)
    try:
        with writing(engine) as connection:
            _load(connection, path, archive.read_head(path), keyring)
            older_databases.belong(connection, keyring)
        return selfcheck.selfcheck(engine, keyring).problems
    finally:
        engine.dispose()


def _empty(engine: Engine) -> None:
    if revision(engine):
        raise BackupError(
            "the database has tables already", code="not-empty", hint="name an empty database"
        )


def _load(connection: Connection, path: Path, head: Head, keyring: Keyring) -> Close:
    """Make the tables as they were, fill them, and bring them to what this upheld needs."""
    upgrade(connection, head.revision)
    counts: dict[str, int] = {}
    closed: Close | None = None
    for part in archive.read(path, keyring):
        if isinstance(part, Close):
            closed = part
            continue
        columns = ", ".join(part.columns)
        statement = f"INSERT INTO {part.table} ({columns}) VALUES ({placeholders(part.columns)})"  # noqa: S608 - names of a sealed backup
        execute_many(connection, statement, list(map(tuple, part.rows)))
        counts[part.table] = counts.get(part.table, 0) + len(part.rows)
    if closed is None or counts != {name: n for name, n in closed.rows.items() if n}:
        raise BackupError(
            f"{path} does not have the rows that it says it has",
            code="backup",
            hint="take another backup",
        )
    upgrade(connection)
    return closed


def _in_force(connection: Connection, fallback: Policy | Callable[[], Policy]) -> Policy:
    """The version that was posted last, by the backup; the fallback where none was."""
    posted = store.in_force(connection)
    if posted is not None:
        return posted[1]
    return fallback if isinstance(fallback, Policy) else fallback()


def _require_erasure_list(keyring: Keyring, closed: Close, because: str) -> None:
    """Require that the list of erasures is as long as the backup recorded.

    BackupError where it is shorter and no reason was given with `--because`.
    """
    erasure_list = Erasures(keyring)
    there, expected = len(erasure_list.read()), max(closed.erasures, keyring.erasures)
    if there < expected and not because:
        raise BackupError(
            f"the list of erasures has {there}, and had {expected}: who is missing in it would come"
            " back",
            code="erasures",
            hint=f"bring {erasure_list.path} back; or say why it is lost, --because",
        )


def _earlier_version(connection: Connection, keyring: Keyring, because: str) -> bool:
    """Whether a later version of the policy was posted than the backup has.

    BackupError where that is so and no reason was given with `--because`.
    """
    last = VersionMark(keyring)
    try:
        last.compare(last.read(), connection, store.editions(connection))
    except EditionError as error:
        if not because:
            raise BackupError(
                str(error),
                code="versions",
                hint="take a later backup; or say why it is so, with --because",
            ) from None
        return True
    return False


def accept_version(engine: Engine, keyring: Keyring, clock: Clock, because: str) -> str:
    """Take the version of the policy that a database was put back to, with an entry; its name.

    EditionError where nothing later is remembered; LogError for a reason that nobody could read.
    """
    reason = lineage.entered_reason(because)
    last = VersionMark(keyring)
    with writing(engine) as connection:
        older_databases.belong(connection, keyring)
        posted = store.editions(connection)
        memory = last.differing(posted)
        if memory is None:
            raise EditionError(
                "the database has the version that was posted last",
                code="version-accept",
                hint="there is nothing to accept",
            )
        entry = Entry(
            kind="version.accept",
            time="",
            policy=posted[-1].digest if posted else "",
            evidence=(memory.digest,) if memory.digest else (),
            problem=reason,
        )
        entries.write(connection, entry, None, clock.now())
    with reading(engine) as connection:
        last.accept(connection, posted)
    return posted[-1].version or str(posted[-1].number) if posted else ""


def _settle(
    connection: Connection,
    policy: Policy,
    keyring: Keyring,
    both: Keyring,
    keys: Path | None,
    since: str,
) -> int:
    """Erase again, move everybody to the keyring's epoch, close all others; how many erased."""
    needed = {number for (number,) in rows(connection, "SELECT DISTINCT epoch FROM person_key")}
    if missing := needed - {each.number for each in both.epochs}:
        raise BackupError(
            f"the key of epoch {min(missing)} is missing",
            code="escrow",
            hint="name the keys that were kept with the backup",
        )
    at = system_time()
    erased = erase_again.replay(connection, both, policy, at)
    delete_fields.replay(connection, both, policy, since, at)
    while some := people.to_move(connection, both, BATCH):
        for person_id in some:
            people.move(connection, both, person_id, values.indexed_values)
    open_epochs = [each.number for each in keyring.epochs]
    run(
        connection,
        f"UPDATE epoch SET closed = ? WHERE number NOT IN ({placeholders(open_epochs)})",  # noqa: S608 - places alone
        True,
        *open_epochs,
    )
    for backup_id, until in _backups_with_keys(keys):
        if database.get(connection, tables.backup, "backup_id = ?", backup_id) is None:
            backups.add(connection, backup_id, at, until)
    return erased


def _backups_with_keys(keys: Path | None) -> Iterator[tuple[BackupId, datetime]]:
    """The backups whose keys are kept: some may have been made after this one."""
    if keys is not None and keys.is_dir():
        yield from escrow.backups_with_keys(keys)


def _previous(connection: Connection, closed: Close, options: RestoreOptions) -> str:
    """The last known checkpoint of the old log; BackupError if it tells of more than there is."""
    size, root = lineage.state(connection)
    if (size, root.hex()) != (closed.size, closed.root):
        raise BackupError(
            "the entries are not those that the backup says",
            code="backup",
            hint="take another backup",
        )
    if options.published is None:
        return closed.log or f"{size}\n{to_base64(root)}\n"
    published = _checkpoint(connection, options.published)
    if published.size > size:
        if not options.because:
            raise BackupError(
                f"the published checkpoint covers {count_of(published.size, 'entry')}, and the"
                f" backup has {size:,}: what was done since is lost",
                code="published",
                hint="take a later backup; or say why it is so, with --because",
            )
        return options.published.decode()
    if lineage.state(connection, published.size)[1] != published.root and not options.because:
        raise BackupError(
            "what was published is another log than the backup's",
            code="published",
            hint="name the checkpoint of this log; or say why it is so, with --because",
        )
    return closed.log


def _checkpoint(connection: Connection, raw: bytes) -> Checkpoint:
    """What was published; BackupError unless the log's own key signed it, where it is known."""
    log = database_log.current(connection)
    if log is None or log.first < lineage.first(connection):
        return parse_text(parse_note(raw).text)
    try:
        return open_checkpoint(raw, log.key)
    except NoteError as error:
        raise BackupError(
            f"what was published is not a checkpoint of {log.origin}: {error}",
            code="published",
            hint="name the checkpoint of this log",
        ) from None

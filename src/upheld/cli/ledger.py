"""`upheld ledger`: verify a log of acts, prove one act, cosign a log, export one.

An export is a folder of tiles, a receipt is one line of JSON. Who verifies them needs the log's
public key, from wherever they trust, and neither database nor network. With `--settings` it is a
provider's own database that is meant; see accounting.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from upheld.cli.output import JSON, complain, print_json, unreadable_error, write_whole
from upheld.core.clock import system_time
from upheld.core.counts import count_of
from upheld.core.dimensions import DIMENSIONS
from upheld.core.errors import UpheldError
from upheld.core.extras import install_hint
from upheld.core.ids import PersonId

if TYPE_CHECKING:
    from upheld.ledger.entries import Entry
    from upheld.ledger.note import Key
    from upheld.ledger.verify import Report

ledger = typer.Typer(help="Verify, show, prove and export a log of acts.", no_args_is_help=True)

TARGET = typer.Argument(help="An export's folder, or a receipt's file.")
FOLDER = typer.Argument(help="An export's folder.")
PLACE = typer.Argument(None, help="An export's folder; or none, with --settings.")
KEY = typer.Option(..., "--key", help="The log's public key, NAME+ID+BASE64, or a file with it.")
ANY_KEY = typer.Option("", "--key", help="The log's public key, NAME+ID+BASE64, or a file with it.")
SETTINGS = typer.Option(None, "--settings", help="A provider's own database, by its settings.")
WITNESS = typer.Option([], "--witness", help="The public key of a witness that must have cosigned.")


@ledger.command()
def verify(
    target: Path | None = PLACE,
    key: str = ANY_KEY,
    witness: list[str] = WITNESS,
    since: Path | None = typer.Option(None, help="A checkpoint that was kept, to agree with."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Verify an export or a receipt from the public key alone; tell everything that is wrong."""
    _part()
    from upheld.cli.accounting import verify_database
    from upheld.ledger.verify import verify_export

    if settings is not None:
        _alone(target is None, "verify --settings takes no folder")
        earlier, keys = _read(since) if since else None, [_key(each) for each in witness]
        verify_database(settings, _key(key) if key else None, keys, earlier, as_json=as_json)
        return
    if target is None or not key:
        raise UpheldError(
            "name an export or a receipt, and --key",
            code="usage",
            hint="or a provider's --settings",
        )
    log, witnesses = _key(key), [_key(each) for each in witness]
    if not target.is_dir():
        if since:
            raise UpheldError(
                "a receipt carries its own checkpoint",
                code="usage",
                hint="leave --since out, or name an export",
            )
        _verify_receipt(target, log, witnesses, as_json=as_json)
        return
    earlier = _read(since) if since else None
    report = verify_export(target, log, witnesses=witnesses, since=earlier)
    _tell(target, report, as_json=as_json)


@ledger.command()
def show(
    target: Path = TARGET,
    index: int | None = typer.Argument(None, help="Which entry of an export, from 0."),
    as_json: bool = JSON,
) -> None:
    """Show a checkpoint, an entry or a receipt as it stands; `verify` tells whether it is true."""
    _part()
    from upheld.ledger import entries
    from upheld.ledger.checkpoint import parse_text
    from upheld.ledger.note import parse_note
    from upheld.ledger.tiles import TileReader
    from upheld.ledger.verify import disclosed, parse_receipt, read_note

    if not target.is_dir():
        receipt = parse_receipt(_read(target))
        _show_entry(receipt.index, receipt.entry, as_json=as_json)
        return
    note = parse_note(read_note(target))
    checkpoint = parse_text(note.text)
    if index is not None:
        raw = disclosed(TileReader(target, checkpoint.size), index)[0]
        _show_entry(index, entries.decode(raw), as_json=as_json)
        return
    signers = [each.name for each in note.signatures]
    if as_json:
        root = checkpoint.root.hex()
        contents = {"origin": checkpoint.origin, "size": checkpoint.size, "root": root}
        print_json({**contents, "signers": signers})
        return
    size = count_of(checkpoint.size, "entry")
    print(f"{checkpoint.origin}: {size}, root {checkpoint.root.hex()}")
    print(f"  signed by {', '.join(signers)}")


@ledger.command()
def prove(
    folder: Path = typer.Argument(
        help="An export's folder; or an entry's number, with --settings."
    ),
    index: int | None = typer.Argument(None, help="Which entry of an export, from 0."),
    key: str = ANY_KEY,
    out: Path | None = typer.Option(None, help="The receipt's file; without it, it is printed."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Make the receipt of one entry, for whoever it is about."""
    _part()
    from upheld.cli.accounting import prove_database
    from upheld.ledger.verify import prove as receipt_of
    from upheld.ledger.verify import write_receipt

    if settings is not None:
        _alone(index is None and not key, "prove --settings takes the number of an entry alone")
        index, receipt = prove_database(settings, str(folder))
    elif index is None or not key:
        raise UpheldError(
            "name an export, an entry of it and --key",
            code="usage",
            hint="or --settings and the number of an entry",
        )
    else:
        receipt = receipt_of(folder, index, _key(key))
    raw = write_receipt(receipt)
    if out is None:
        print(raw.decode(), end="")
        return
    write_whole(out, raw)
    if as_json:
        print_json({"ok": True, "receipt": str(out), "index": index})
    else:
        print(f"{out}: the receipt of entry {index}")


@ledger.command()
def checkpoint(
    folder: Path | None = PLACE,
    key: str = ANY_KEY,
    witness: list[str] = WITNESS,
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Print the checkpoint of an export once its signatures hold, so that it can be kept."""
    _part()
    from upheld.cli.accounting import checkpoint_database
    from upheld.ledger.checkpoint import open_checkpoint
    from upheld.ledger.verify import read_note

    if settings is not None:
        _alone(folder is None and not witness, "checkpoint --settings takes no folder, no witness")
        raw, signers = checkpoint_database(settings, _key(key) if key else None)
    elif folder is None or not key:
        raise UpheldError(
            "name an export and --key", code="usage", hint="or a provider's --settings"
        )
    else:
        raw = read_note(folder)
        signers = open_checkpoint(raw, _key(key), [_key(each) for each in witness])
    if as_json:
        print_json(
            {
                "origin": signers.origin,
                "size": signers.size,
                "root": signers.root.hex(),
                "checkpoint": raw.decode(),
            }
        )
    else:
        print(raw.decode(), end="")


@ledger.command()
def export(
    entries: Path | None = typer.Argument(
        None, help="Entries with their salts, a JSON object a line; or --settings."
    ),
    out: Path = typer.Option(..., "--out", help="The export's folder."),
    signer: Path = typer.Option(..., "--signer", help="The log's key file, or a signer's socket."),
    origin: str = typer.Option("", "--origin", help="The log's name, for a signer's socket."),
    settings: Path | None = typer.Option(
        None, "--settings", help="Export the entries of a provider's database."
    ),
    as_json: bool = JSON,
) -> None:
    """Write a log as tiles with a signed checkpoint, or go on with one that is there."""
    _part()
    from upheld.ledger.export import export_lines
    from upheld.ledger.signers import open_signer
    from upheld.ledger.witness import ForkError

    name, using = open_signer(signer, origin)
    try:
        with _lines(entries, settings) as lines:
            checkpoint = export_lines(lines, out, name, using)
    except ForkError as error:
        complain(error, as_json=as_json)
        raise typer.Exit(1) from None
    if as_json:
        print_json(
            {
                "ok": True,
                "origin": checkpoint.origin,
                "size": checkpoint.size,
                "root": checkpoint.root.hex(),
            }
        )
    else:
        print(f"{out}: {count_of(checkpoint.size, 'entry')} of {checkpoint.origin}")


@ledger.command()
def witness(
    folder: Path = FOLDER,
    key: str = KEY,
    witness_key: Path = typer.Option(..., "--witness-key", help="The witness's own key file."),
    state: Path = typer.Option(..., "--state", help="Where the last cosigned checkpoint is kept."),
    out: Path | None = typer.Option(None, help="Where the cosigned checkpoint goes; else back."),
    as_json: bool = JSON,
) -> None:
    """Cosign a log's checkpoint if it goes on from the last one; refuse a fork, and say why."""
    _part()

    from upheld.ledger.checkpoint import parse_text
    from upheld.ledger.signers import FileSigner
    from upheld.ledger.tiles import CHECKPOINT, TileReader
    from upheld.ledger.tree import consistency_proof
    from upheld.ledger.verify import read_note
    from upheld.ledger.witness import ForkError, Witness

    def proof(first: int, second: int) -> list[bytes]:
        return consistency_proof(first, second, TileReader(folder, second).subtree)

    own = FileSigner.open(witness_key)
    try:
        cosigner = Witness(own.name, own, state)
        cosignature = cosigner.cosign(
            read_note(folder), _key(key), proof, int(system_time().timestamp())
        )
    except ForkError as error:
        complain(error, as_json=as_json)
        raise typer.Exit(1) from None
    write_whole(out or folder / CHECKPOINT, str(cosignature).encode())
    size = parse_text(cosignature.text).size
    if as_json:
        print_json({"ok": True, "size": size, "witness": own.name})
    else:
        print(f"{folder}: {count_of(size, 'entry')}, cosigned by {own.name}")


@ledger.command()
def cosign(
    note: Path = typer.Argument(help="The checkpoint as a witness cosigned it, a signed note."),
    witness: list[str] = typer.Option(..., "--witness", help="The public key of each witness."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Keep a witness's cosignature of a provider's own log, to be served with its checkpoint."""
    _part()
    from upheld.cli.accounting import cosign_in_database

    cosign_in_database(settings, _read(note), [_key(each) for each in witness], as_json=as_json)


@ledger.command()
def keygen(
    name: str = typer.Argument(help="The log's or the witness's name, such as example.com/log."),
    out: Path = typer.Option(..., "--out", help="The new key's file."),
    for_witness: bool = typer.Option(False, "--for-witness", help="A key for cosignatures."),
    as_json: bool = JSON,
) -> None:
    """Make a key file, and print the public key, which verifiers need."""
    _part()
    from upheld.ledger.note import LOG
    from upheld.ledger.note import WITNESS as COSIGNER
    from upheld.ledger.signers import FileSigner

    signer_file = FileSigner.create(out, name, COSIGNER if for_witness else LOG)
    if as_json:
        print_json({"name": name, "key": str(signer_file.key)})
    else:
        print(signer_file.key)


@ledger.command()
def signer(
    key_file: Path = typer.Argument(help="The log's key file."),
    socket: Path = typer.Option(..., "--socket", help="The Unix socket to listen on."),
    state: Path | None = typer.Option(
        None, "--state", help="Where the last signature is kept; else beside the key."
    ),
) -> None:
    """Sign this log's checkpoints, and nothing else, for whoever may use a socket.

    No size is signed with two roots, and none below one that was signed.
    """
    _part()
    from upheld.ledger.signers import FileSigner, SignerServer

    file_signer = FileSigner.open(key_file)
    state_file = state or key_file.with_name(f"{key_file.name}.signed")
    server = SignerServer(file_signer, socket, state_file)
    print(f"{socket}: signing for {file_signer.name}", flush=True)
    try:
        server.serve()
    except KeyboardInterrupt:
        return
    finally:
        server.close()
        socket.unlink(missing_ok=True)


@contextmanager
def _lines(entries: Path | None, settings: Path | None) -> Iterator[Iterable[bytes]]:
    """The lines of a file, or those of a provider's database."""
    if (entries is None) == (settings is None):
        raise UpheldError("name a file of entries, or --settings", code="usage", hint="one of them")
    if entries is not None:
        try:
            file = entries.open("rb")
        except OSError as error:
            raise unreadable_error(entries, error) from None
        with file:
            yield file
        return
    from upheld.cli.accounting import database
    from upheld.gate.log.database_log import current
    from upheld.gate.log.entries import lines

    assert settings is not None  # noqa: S101 - one of the two was given
    with database(settings) as connection:
        log = current(connection)
        yield lines(connection, log.first if log else 1)


def _alone(right: bool, message: str) -> None:
    if not right:
        raise UpheldError(message, code="usage", hint="see `upheld ledger --help`")


def _part() -> None:
    """The part that signs and verifies, or what to install."""
    try:
        import cryptography  # noqa: F401 - only to see whether it is there
    except ImportError:
        raise UpheldError(
            "the ledger needs cryptography", code="missing-extra", hint=install_hint("provider")
        ) from None


def _key(text: str) -> Key:
    """A public key as it was given, or out of the file that was named."""
    from upheld.ledger.note import NoteError, parse_key

    if "+" not in text:
        try:
            text = _read(Path(text)).decode()
        except UnicodeDecodeError:
            raise NoteError(f"{text} is no public key: see `upheld ledger keygen`") from None
    return parse_key(text)


@ledger.command()
def account(  # noqa: PLR0913, PLR0917 - an option each
    settings: Path | None = SETTINGS,
    person: PersonId | None = typer.Option(None, help="The entries about one person, by their id."),
    clause: str = typer.Option("", help="By which clause."),
    party: str = typer.Option("", help="With whom: a word of the vocabulary, or a name."),
    since: str = typer.Option("", "--from", help="From this day on, such as 2026-03-01."),
    until: str = typer.Option("", "--to", help="Until this day, with it."),
    violations: bool = typer.Option(False, "--violations", help="What no clause allowed."),
    proofs: bool = typer.Option(False, "--proofs", help="With a receipt a line."),
    as_csv: bool = typer.Option(False, "--csv", help="Who received what, as CSV."),
    as_json: bool = JSON,
) -> None:
    """Tell in words what was done, to whom and by which clause, from a provider's database."""
    _part()
    from upheld.cli.accounting import account_database, account_query, print_disclosures

    entry_query = account_query(person, clause, party, since, until, violations=violations)
    if as_csv:
        _alone(
            not (violations or proofs or as_json),
            "--csv tells who received what, and goes with no --violations, --proofs or --json",
        )
        print_disclosures(settings, entry_query)
        return
    account_database(settings, entry_query, proofs=proofs, as_json=as_json)


@ledger.command()
def counts(
    file: Path | None = typer.Argument(None, help="A table of counts, as its provider gives it."),
    key: str = ANY_KEY,
    witness: list[str] = WITNESS,
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Verify a table of how often clauses decided and what was disclosed; or print the last one."""
    _part()
    from upheld.cli.accounting import print_counts, verify_counts_in

    if settings is not None:
        _alone(file is None, "counts --settings takes no file")
        print_counts(settings)
    elif file is None or not key:
        message = "name a table of counts, and --key"
        raise UpheldError(message, code="usage", hint="or a provider's --settings")
    else:
        log, witnesses = _key(key), [_key(each) for each in witness]
        verify_counts_in(_read(file), file, log, witnesses, as_json=as_json)


@ledger.command()
def begin(
    because: str = typer.Option(..., "--because", help="Why the log before is not gone on with."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Begin a new log in a provider's database, where the one before was changed or cut.

    Its first entry names the last known checkpoint of the one before, and says why.
    """
    _part()
    from upheld.cli.accounting import begin_in_database

    begin_in_database(settings, because, as_json=as_json)


def _read(path: Path) -> bytes:
    from upheld.ledger.verify import RECEIPT_BYTES_MAX

    try:
        with path.open("rb") as source:
            return source.read(RECEIPT_BYTES_MAX + 1)
    except OSError as error:
        raise unreadable_error(path, error) from None


def _show_entry(index: int, entry: Entry, *, as_json: bool) -> None:
    import msgspec

    contents = msgspec.to_builtins(entry)
    dimensions = {name: contents.pop(name) for name in DIMENSIONS if name in contents}
    in_order = {**contents, **dimensions}  # what was done, and then with what, by whom, what for
    print_json({"index": index, "entry": in_order} if as_json else in_order)


def _verify_receipt(path: Path, log: Key, witnesses: list[Key], *, as_json: bool) -> None:
    from upheld.ledger.entries import EntryError
    from upheld.ledger.note import NoteError
    from upheld.ledger.tree import ProofError
    from upheld.ledger.verify import parse_receipt, verify_receipt

    raw = _read(path)
    try:
        entry, head = verify_receipt(raw, log, witnesses)
    except (EntryError, NoteError, ProofError) as error:
        complain(error, as_json=as_json)
        raise typer.Exit(1) from None
    index = parse_receipt(raw).index
    if as_json:
        about = {"origin": head.origin, "size": head.size, "index": index}
        print_json({"ok": True, **about, "entry": entry})
    else:
        print(f"{path}: ok: entry {index} of {head.origin}, in its first {head.size}")


def _tell(target: Path, report: Report, *, as_json: bool) -> None:
    if as_json:
        print_json(report)
    elif report.ok:
        disclosure = f"{report.disclosed} disclosed" if report.disclosed else "none disclosed"
        print(f"{target}: ok: {count_of(report.size, 'entry')} of {report.origin}, {disclosure}")
        if report.beyond:
            print(f"  not covered by the checkpoint, and not verified: {', '.join(report.beyond)}")
    else:
        for each in report.findings:
            print(f"{target}/{each}")
    if not report.ok:
        raise typer.Exit(1)

"""`upheld keys`: the keyring that seals every person's key, kept outside the database.

A passphrase is asked for, or read from a file that its owner alone may read: never an argument,
which anyone on the machine could see, nor a variable, which other programs inherit.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from upheld.cli.output import JSON, print_json
from upheld.core.counts import count_of
from upheld.core.errors import UpheldError
from upheld.core.extras import install_hint

if TYPE_CHECKING:
    from upheld.vault.keyring import Keyring, Master

keys = typer.Typer(help="Make, look at and re-seal the keyring of a vault.", no_args_is_help=True)

KEYRING = typer.Argument(help="The keyring's file, apart from the database and its backups.")
KEY_FILE = typer.Option(None, "--key-file", help="A file of 32 bytes that is the master key.")
PASSPHRASE_FILE = typer.Option(
    None, "--passphrase-file", help="A file with the passphrase; it is asked for if left out."
)
KEY_PROGRAM = typer.Option(
    None, "--key-program", help="A program that gives the master key, such as a way to a KMS."
)


@keys.command()
def init(
    keyring: Path = KEYRING,
    key_file: Path | None = KEY_FILE,
    passphrase_file: Path | None = PASSPHRASE_FILE,
    key_program: Path | None = KEY_PROGRAM,
    as_json: bool = JSON,
) -> None:
    """Make a keyring with its first epoch; never over one that exists."""
    if keyring.exists():
        raise UpheldError(f"{keyring} exists already", code="exists", hint="name another file")
    master = master_key(key_file, passphrase_file, key_program, confirm=True)
    ring = keyring_class().create(keyring, master)
    _tell(keyring, ring, as_json=as_json)


@keys.command()
def status(
    keyring: Path = KEYRING,
    key_file: Path | None = KEY_FILE,
    passphrase_file: Path | None = PASSPHRASE_FILE,
    key_program: Path | None = KEY_PROGRAM,
    as_json: bool = JSON,
) -> None:
    """Open a keyring, so that each of its keys is known to be whole, and list its epochs."""
    ring = keyring_class().open(keyring, master_key(key_file, passphrase_file, key_program))
    _tell(keyring, ring, as_json=as_json)


@keys.command()
def rotate(  # noqa: PLR0913, PLR0917 - two master keys, each of them of one of three kinds
    keyring: Path = KEYRING,
    key_file: Path | None = KEY_FILE,
    passphrase_file: Path | None = PASSPHRASE_FILE,
    key_program: Path | None = KEY_PROGRAM,
    new_key_file: Path | None = typer.Option(None, "--new-key-file", help="The new master key."),
    new_passphrase_file: Path | None = typer.Option(
        None, "--new-passphrase-file", help="A file with the new passphrase."
    ),
    new_key_program: Path | None = typer.Option(
        None, "--new-key-program", help="A program that gives the new master key."
    ),
    as_json: bool = JSON,
) -> None:
    """Seal the keyring under another master key; no value and no person's key is touched."""
    ring = keyring_class().open(keyring, master_key(key_file, passphrase_file, key_program))
    master = master_key(
        new_key_file, new_passphrase_file, new_key_program, confirm=True, which="new passphrase"
    )
    ring.rotate(master)
    _tell(keyring, ring, as_json=as_json)


@keys.command()
def epoch(
    settings: Path | None = typer.Option(None, "--settings", help="A TOML file of settings."),
    keep: bool = typer.Option(False, "--keep-old", help="Keep the keys of the epochs before."),
    as_json: bool = JSON,
) -> None:
    """Begin an epoch, move everybody's key to it and destroy those before; erasures are final then.

    It can be stopped and begun again.
    """
    from upheld.cli.admin import gate_of, settings_in
    from upheld.gate.erasure.erase import count_unfinished, renew
    from upheld.gate.operations.backup import expire

    configuration = settings_in(settings)
    gate = gate_of(configuration)
    if configuration.escrow is not None:
        expire(gate, configuration.escrow)
    final = count_unfinished(gate.engine)
    moved = renew(gate, destroy=not keep)
    final -= count_unfinished(gate.engine)
    number = gate.context.keyring.current.number
    if as_json:
        print_json({"epoch": number, "moved": moved, "erasures_final": final})
    else:
        erasures = (
            f"; {count_of(final, 'erasure')} {'is' if final == 1 else 'are'} final" if final else ""
        )
        print(f"epoch {number}: {count_of(moved, 'person', 'people')} moved{erasures}")


def keyring_class() -> type[Keyring]:
    """What opens a keyring; UpheldError where the extra is missing."""
    try:
        from upheld.vault.keyring import Keyring
    except ImportError:
        raise UpheldError(
            "keys need cryptography", code="missing-extra", hint=install_hint("provider")
        ) from None
    return Keyring


def master_key(
    key_file: Path | None,
    passphrase_file: Path | None,
    key_program: Path | None = None,
    *,
    confirm: bool = False,
    which: str = "passphrase",
) -> Master:
    """The master key that was named, or a passphrase asked for at the terminal."""
    from upheld.vault.keyfile import read_private
    from upheld.vault.keyring import KeyFile, Passphrase
    from upheld.vault.program import KeyProgram

    if sum(map(bool, (key_file, passphrase_file, key_program))) > 1:
        raise UpheldError(
            "got more than one master key",
            code="master-key",
            hint="give a key file, a passphrase or a program",
        )
    if key_program:
        return KeyProgram(key_program)
    if key_file:
        return KeyFile(key_file)
    if passphrase_file:
        raw = read_private(passphrase_file)
        try:
            return Passphrase(raw.decode().rstrip("\r\n"))
        except UnicodeDecodeError:
            raise UpheldError(
                f"{passphrase_file} is not UTF-8", code="encoding", hint="save it as UTF-8"
            ) from None
    return Passphrase(
        typer.prompt(which.capitalize(), hide_input=True, confirmation_prompt=confirm, err=True)
    )


def _tell(path: Path, ring: Keyring, *, as_json: bool) -> None:
    if as_json:
        epochs = [{"number": each.number, "begun": each.started_at} for each in ring.epochs]
        print_json({"keyring": str(path), "master": ring.master, "epochs": epochs})
        return
    print(f"{path}: sealed by a {ring.master}; every key is whole")
    for each in ring.epochs:
        current = ", the current one" if each is ring.current else ""
        print(f"  epoch {each.number}, begun {each.started_at:%Y-%m-%d}{current}")

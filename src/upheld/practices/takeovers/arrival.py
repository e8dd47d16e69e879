"""The successor's side of an archive: whether all of it arrived, and whether one's key opens it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import msgspec

from upheld.core.files import read_file
from upheld.practices.takeovers.age_child import DECRYPT
from upheld.practices.takeovers.age_helper import AgeHelper
from upheld.practices.takeovers.manifest import TransferArchiveError, TransferManifest, read_archive
from upheld.practices.takeovers.parcels import FORMAT, Parcel, read_parcel

if TYPE_CHECKING:
    from pyrage.x25519 import Identity

WORD: Final = re.compile("[a-z0-9][a-z0-9/_-]{0,99}")  # as fields are named
PARTY_MAX: Final = 100


def check_archive(path: Path, digest: str, identity: Path | None = None) -> TransferManifest:
    """The manifest of an archive whose every file is as it says.

    With the file of one's own key, as `age-keygen` wrote it, each account is opened and read too.
    TransferArchiveError for the first thing that is otherwise; nothing is kept.
    """
    manifest, accounts = read_archive(path, digest)
    if identity is None:
        deque(accounts, maxlen=0)
    else:
        deque(open_accounts(accounts, identity, manifest), maxlen=0)
    return manifest


def open_accounts(
    accounts: Iterable[bytes], identity: Path, manifest: TransferManifest
) -> Iterator[Parcel]:
    """Open and read accounts in their order; TransferArchiveError for the first that is wrong."""
    key = read_identity(identity)
    own = partial(_decrypted, key)
    with AgeHelper(DECRYPT, str(key), own, manifest.accounts) as helper:
        for line in helper.each(accounts):
            yield _read_account(line, manifest)


def read_identity(path: Path) -> Identity:
    """One's own key out of its file; TransferArchiveError for a file without one."""
    import pyrage  # noqa: PLC0415 - loaded on use

    lines = read_file(path)[0].decode(errors="replace").splitlines()
    text = next((each for each in lines if each.strip() and not each.startswith("#")), "")
    try:
        return pyrage.x25519.Identity.from_str(text.strip())
    except pyrage.IdentityError:
        raise TransferArchiveError(
            f"{path} has no secret key of age",
            code="transfer-key",
            hint="name the file that `age-keygen` wrote",
        ) from None


def _decrypted(key: Identity, encrypted: bytes) -> bytes:
    """What is in an account's file; TransferArchiveError where it is for another key."""
    import pyrage  # noqa: PLC0415 - loaded on use

    try:
        line: bytes = pyrage.decrypt(encrypted, [key])
    except pyrage.DecryptError:
        raise TransferArchiveError(
            "this key does not open the accounts of the archive",
            code="transfer-key",
            hint="name the key whose public half the other provider has",
        ) from None
    return line


def _read_account(line: bytes, manifest: TransferManifest) -> Parcel:
    """An account out of its line; TransferArchiveError where it is another's or says otherwise."""
    try:
        parcel = read_parcel(line)
    except msgspec.MsgspecError:
        _refuse()
    is_whole = all(map(WORD.fullmatch, (*parcel.values, *parcel.rows))) and all(
        each.party.isprintable() and len(each.party) <= PARTY_MAX for each in parcel.choices
    )
    if not is_whole or (parcel.format, parcel.closing) != (FORMAT, manifest.closing):
        _refuse()
    return parcel


def _refuse() -> NoReturn:
    raise TransferArchiveError(
        "an account of the archive cannot be read",
        code="transfer-archive",
        hint="ask the other provider for the file once more",
    )

"""The archive that goes to a successor: a ZIP file that any tool opens, with encrypted accounts.

`accounts/000001.age` and those after it are age files, each an account as one line of JSON, which
the successor alone can decrypt. `manifest.json` says how many there are, the SHA-256 of each, under
which closing and version of the policy they went; `policy.md` is that version. The digest of the
manifest stands for all of it: both sides compare it, by another road than the file takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final
from zipfile import BadZipFile, ZipFile

import msgspec

from upheld.core.errors import UpheldError

FORMAT: Final = "upheld-transfer-1"
MANIFEST, POLICY = "manifest.json", "policy.md"
CLOSING_ID: Final = re.compile("[0-9a-f]{32}")
PART_MAX: Final = 64 * 1024 * 1024  # bytes of one account, or of the manifest


class TransferArchiveError(UpheldError):
    """An archive that cannot be written or read, or that is not as its manifest says."""


class AccountDigest(msgspec.Struct, frozen=True):
    """A file of an archive as its manifest lists it."""

    name: str
    sha256: str


class TransferManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What an archive is of, and all that is in it; it names nobody whose account is there."""

    format: str = FORMAT
    closing: str
    kind: str
    successor: str
    effective: datetime
    policy: str  # the digest of the version under which it was written
    policy_sha256: str  # of the file `policy.md`
    accounts: int
    files: tuple[AccountDigest, ...]


def read_archive(path: Path, digest: str) -> tuple[TransferManifest, Iterator[bytes]]:
    """The manifest of an archive, and its encrypted accounts in their order.

    TransferArchiveError unless the manifest has the digest that the other side told, and for the
    first file that is missing, additional or not as the manifest says.
    """
    try:
        file = ZipFile(path)
    except FileNotFoundError:
        raise TransferArchiveError(
            f"there is no file {path}", code="unreadable", hint="nothing was taken in; see its path"
        ) from None
    except (OSError, BadZipFile):
        raise _wrong(f"{path} is no archive of a transfer") from None
    raw = _part(file, MANIFEST)
    if sha256(raw).hexdigest() != digest.strip().lower():
        raise _wrong("the manifest is not the one whose digest was told")
    try:
        manifest = msgspec.json.decode(raw, type=TransferManifest)
    except msgspec.MsgspecError:
        raise _wrong("the manifest cannot be read") from None
    names = [MANIFEST, POLICY, *(each.name for each in manifest.files)]
    accounts = {each.sha256 for each in manifest.files}
    if (
        manifest.format != FORMAT
        or not manifest.accounts == len(manifest.files) == len(accounts)
        or not CLOSING_ID.fullmatch(manifest.closing)
    ):
        raise _wrong("the manifest does not agree with itself")
    if sorted(file.namelist()) != sorted(names):
        raise _wrong("a file of it is missing, or is one too many")
    if sha256(_part(file, POLICY)).hexdigest() != manifest.policy_sha256:
        raise _wrong("the policy in it was changed")
    return manifest, _accounts(file, manifest)


def _accounts(file: ZipFile, manifest: TransferManifest) -> Iterator[bytes]:
    for each in manifest.files:
        encrypted = _part(file, each.name)
        if sha256(encrypted).hexdigest() != each.sha256:
            raise _wrong(f"{each.name} was changed")
        yield encrypted


def _part(file: ZipFile, name: str) -> bytes:
    try:
        if file.getinfo(name).file_size > PART_MAX:
            raise _wrong(f"{name} is too long")
        return file.read(name)
    # What zipfile raises for an entry that is missing, damaged, encrypted or packed unusually.
    except (KeyError, BadZipFile, OSError, RuntimeError, ValueError, NotImplementedError):
        raise _wrong(f"{name} is missing, or was changed") from None


def _wrong(what: str) -> TransferArchiveError:
    return TransferArchiveError(
        what, code="transfer-archive", hint="nothing was taken in; ask for the file once more"
    )

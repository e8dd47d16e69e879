"""Receipts prove one entry to one person; lines that are no entries make no log."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.logs import COSIGNER, MOMENT, ORIGIN, SIGNER, entry, export, line, salt
from upheld.core.errors import UpheldError
from upheld.ledger import entries
from upheld.ledger.checkpoint import cosign_checkpoint
from upheld.ledger.entries import EntryError
from upheld.ledger.export import export_lines
from upheld.ledger.note import NoteError, parse_note, to_base64
from upheld.ledger.tree import ProofError, leaf_hash
from upheld.ledger.verify import parse_receipt, prove, verify_receipt, write_receipt

LARGE = 600


@pytest.fixture(name="large", scope="module")
def _large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tmp_path_factory.mktemp("large"), range(LARGE))


@pytest.fixture(name="copy")
def _copy(large: Path, tmp_path: Path) -> Path:
    return shutil.copytree(large, tmp_path / "copy")


def test_a_receipt_proves_its_entry_and_no_other(copy: Path) -> None:
    """A receipt is verified on its own, and holds no word of another entry."""
    raw = write_receipt(prove(copy, 300, SIGNER.key))
    found, covered = verify_receipt(raw, SIGNER.key)
    assert (found, covered.size) == (entry(300), LARGE)
    assert b"act-299" not in raw
    assert to_base64(leaf_hash(entries.encode(entry(301)))).encode() not in raw


def test_every_flipped_byte_of_a_receipt_is_refused_by_name(copy: Path) -> None:
    """Whichever byte of a receipt is changed, it is refused with a reason of its own."""
    signed = parse_note((copy / "checkpoint").read_bytes())
    cosigned = cosign_checkpoint(signed, COSIGNER.name, COSIGNER, MOMENT)
    (copy / "checkpoint").write_text(str(cosigned))
    raw = write_receipt(prove(copy, 300, SIGNER.key))
    reasons = set()
    for at in range(len(raw)):
        for mask in (1, 32):
            wrong = raw[:at] + bytes([raw[at] ^ mask]) + raw[at + 1 :]
            with pytest.raises((EntryError, NoteError, ProofError)) as caught:
                verify_receipt(wrong, SIGNER.key, [COSIGNER.key])
            reasons.add(caught.value.code)
    assert reasons == {"entry", "note", "proof"}


Told = dict[str, Any]
WRONG_RECEIPTS: dict[str, Callable[[Told], Told]] = {
    "index off by one": lambda told: {**told, "index": told["index"] + 1},
    "index below 0": lambda told: {**told, "index": -1},
    "index is the size": lambda told: {**told, "index": LARGE},
    "truncated proof": lambda told: {**told, "proof": told["proof"][:-1]},
    "trailing hash": lambda told: {**told, "proof": [*told["proof"], told["proof"][0]]},
    "proof backwards": lambda told: {**told, "proof": told["proof"][::-1]},
    "another salt": lambda told: {**told, "salt": to_base64(salt(1))},
    "no salt": lambda told: {**told, "salt": ""},
    "another format": lambda told: {**told, "format": "upheld-receipt-2"},
    "an unknown key": lambda told: {**told, "zeal": 1},
    "another recipient": lambda told: {
        **told,
        "entry": {**told["entry"], "recipient": "advertiser"},
    },
    "a missing key": lambda told: {key: told[key] for key in told if key != "salt"},
}


@pytest.mark.parametrize("name", WRONG_RECEIPTS)
def test_a_wrong_receipt_is_refused(copy: Path, name: str) -> None:
    """Another index, another proof, another salt, another word: each is refused."""
    wrong = WRONG_RECEIPTS[name](json.loads(write_receipt(prove(copy, 300, SIGNER.key))))
    with pytest.raises((EntryError, NoteError, ProofError)):
        verify_receipt(json.dumps(wrong, separators=(",", ":")).encode() + b"\n", SIGNER.key)


def test_a_receipt_that_was_laid_out_anew_is_told_from_one_that_is_none(copy: Path) -> None:
    """Spaces in a receipt are refused with a word on why, and so are too many bytes."""
    raw = write_receipt(prove(copy, 3, SIGNER.key))
    with pytest.raises(EntryError, match="laid out anew"):
        parse_receipt(json.dumps(json.loads(raw), indent=1).encode())
    with pytest.raises(EntryError, match="has more than"):
        parse_receipt(b" " * 3_000_000)


@pytest.mark.parametrize("index", [-1, LARGE, 10**9])
def test_an_entry_that_is_not_there_is_not_proven(copy: Path, index: int) -> None:
    """An index outside the log is refused before any file is read."""
    with pytest.raises(ProofError, match="below the tree's size"):
        prove(copy, index, SIGNER.key)


def test_an_entry_that_is_not_disclosed_or_damaged_is_not_proven(copy: Path) -> None:
    """No receipt is handed out that would not verify."""
    path = copy / "disclosed/000"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0].replace(b"email", b"phone") + b"".join(lines[1:-1]))
    for index in (0, 255):
        with pytest.raises(UpheldError):
            prove(copy, index, SIGNER.key)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (b"{}\n", "line 1: Object missing required"),
        (line(0).replace(b'"kind"', b'"king"'), "line 1: Object contains unknown field"),
        (line(0)[:-3] + b"\n", "line 1: JSON is malformed"),
        (line(0)[:-2] + b',"index":4}\n', "line 1: got index 4, want 0"),
        (line(0).replace(b'"salt": "', b'"salt": "AAAA'), "line 1: a salt has 27 bytes"),
        (line(0).replace(b'"salt": "', b'"salt": "!'), "line 1: the salt is not in base64"),
        (b"\xff\n", "line 1: "),
    ],
)
def test_a_line_that_is_no_entry_is_named(tmp_path: Path, wrong: bytes, told: str) -> None:
    """Whoever exports learns which line is wrong and how, and no checkpoint is written."""
    with pytest.raises(EntryError, match=told):
        export_lines([wrong], tmp_path, ORIGIN, SIGNER)
    assert not (tmp_path / "checkpoint").exists()

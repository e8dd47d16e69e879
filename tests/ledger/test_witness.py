"""A witness cosigns what goes on from before, and refuses a fork with its reason."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from ledger.logs import COSIGNER, MOMENT, OTHER, SIGNER, export
from upheld.core.errors import UpheldError
from upheld.ledger import tree
from upheld.ledger.checkpoint import open_checkpoint
from upheld.ledger.note import NoteError
from upheld.ledger.tiles import TileReader
from upheld.ledger.verify import read_note, verify_export
from upheld.ledger.witness import ForkError, Witness


def cosign(state: Path, folder: Path) -> bytes:
    """Have a witness cosign an export's checkpoint."""

    def proof(first: int, second: int) -> list[bytes]:
        return tree.consistency_proof(first, second, TileReader(folder, second).subtree)

    witness = Witness(COSIGNER.name, COSIGNER, state)
    return str(witness.cosign(read_note(folder), SIGNER.key, proof, MOMENT)).encode()


def test_a_log_that_grows_is_cosigned(tmp_path: Path) -> None:
    """Each checkpoint that goes on from the last is cosigned, and so is the same one again."""
    for count in (0, 1, 1, 255, 256, 600):
        made = cosign(tmp_path / "state", export(tmp_path / "log", range(count)))
        assert open_checkpoint(made, SIGNER.key, [COSIGNER.key]).size == count
        (tmp_path / "log/checkpoint").write_bytes(made)
        assert verify_export(tmp_path / "log", SIGNER.key, witnesses=[COSIGNER.key]).ok


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ([*range(17), 999, *range(18, 300)], "two roots at size 300"),
        ([*range(17), 999, *range(18, 400)], "does not go on from its checkpoint of 300 entries"),
        (range(299), "was cut: it had 300 entries and has 299"),
    ],
)
def test_a_fork_is_refused_with_its_reason(tmp_path: Path, numbers: range, told: str) -> None:
    """Another history, though its own log signed it, gets no cosignature, and the state stays."""
    cosign(tmp_path / "state", export(tmp_path / "one", range(300)))
    kept = (tmp_path / "state").read_bytes()
    with pytest.raises(ForkError, match=told) as caught:
        cosign(tmp_path / "state", export(tmp_path / "two", numbers))
    assert caught.value.code == "fork"
    assert (tmp_path / "state").read_bytes() == kept


def test_a_checkpoint_of_another_key_is_not_looked_at(tmp_path: Path) -> None:
    """A witness cosigns only what the log that it knows has signed."""
    witness = Witness(COSIGNER.name, COSIGNER, tmp_path / "state")
    raw = read_note(export(tmp_path / "log", range(3)))
    with pytest.raises(NoteError):
        witness.cosign(raw, OTHER.key, lambda _first, _second: [], MOMENT)
    assert not (tmp_path / "state").exists()


def test_a_changed_state_is_refused(tmp_path: Path) -> None:
    """The witness's own memory is signed: a changed byte in it is found, and nothing cosigned."""
    folder, state = export(tmp_path / "log", range(3)), tmp_path / "state"
    cosign(state, folder)
    right = state.read_bytes()
    for at in range(0, len(right), 7):
        state.write_bytes(right[:at] + bytes([right[at] ^ 1]) + right[at + 1 :])
        with pytest.raises(NoteError):
            cosign(state, folder)
    state.unlink()
    state.mkdir()
    with pytest.raises(NoteError, match="cannot be read"):
        cosign(state, folder)


def test_no_cosignature_leaves_before_it_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a full disk nothing is cosigned, and the last state stays as it was."""
    state = tmp_path / "state"
    cosign(state, export(tmp_path / "log", range(3)))
    kept = state.read_bytes()
    folder = export(tmp_path / "log", range(5))

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UpheldError, match="No space left"):
        cosign(state, folder)
    assert state.read_bytes() == kept
    with pytest.raises(UpheldError, match="cannot be written"):
        cosign(tmp_path / "none" / "state", folder)


def test_of_two_forks_that_come_together_one_is_cosigned(tmp_path: Path) -> None:
    """Two processes that show a witness two histories at once get one cosignature."""
    cosign(tmp_path / "state", export(tmp_path / "zero", range(10)))
    folders = [export(tmp_path / str(n), [*range(10), 100 + n]) for n in range(6)]
    held: list[bytes] = []
    refused: list[ForkError] = []

    def ask(folder: Path) -> None:
        try:
            held.append(cosign(tmp_path / "state", folder))
        except ForkError as error:
            refused.append(error)

    threads = [threading.Thread(target=ask, args=(folder,)) for folder in folders]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (len(held), len(refused)) == (1, 5)

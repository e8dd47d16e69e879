"""A witness: it cosigns a log's checkpoints, as long as each goes on from the one before.

It keeps the last checkpoint that it cosigned, and nothing else, in a file of its own. A log that
shows different histories to different people would have to show two of them to its witness, which
refuses the second and says why. One file belongs to one log.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from upheld.core.counts import count_of
from upheld.core.errors import UpheldError
from upheld.ledger.checkpoint import Checkpoint, cosign_checkpoint, open_note
from upheld.ledger.note import WITNESS, Key, Note, NoteError, Signer, parse_note
from upheld.ledger.tree import ProofError, verify_consistency

Proof = Callable[[int, int], Sequence[bytes]]


class ForkError(UpheldError):
    """A checkpoint that does not go on from the last one that the witness cosigned."""

    def __init__(self, message: str) -> None:
        super().__init__(
            message, code="fork", hint="keep both checkpoints: together they prove it to anyone"
        )


class Witness:
    """One witness of one log: its name, its key, and the file of the last checkpoint."""

    def __init__(self, name: str, signer: Signer, state: Path) -> None:
        self.key = Key(name, WITNESS, signer.public)
        self._signer = signer
        self._state = state

    def cosign(self, raw: bytes, log: Key, proof: Proof, moment: int) -> Note:
        """The checkpoint with this witness's cosignature, once it is seen to be consistent.

        `proof` gives the hashes of a consistency proof between two sizes; where they come from does
        not matter, as they are verified here. The new state is on the disk before anyone gets the
        cosignature.
        """
        note = parse_note(raw)
        checkpoint = open_note(note, log)
        with self._locked():
            if last := self.last(log):
                self._check(last, checkpoint, proof)
            signature = cosign_checkpoint(note, self.key.name, self._signer, moment)
            self._keep(str(signature).encode())
        return signature

    def last(self, log: Key) -> Checkpoint | None:
        """The last checkpoint that was cosigned; NoteError if the file was changed."""
        try:
            raw = self._state.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise NoteError(f"{self._state} cannot be read: {error.strerror}") from None
        return open_note(parse_note(raw), log, [self.key])

    def _check(self, last: Checkpoint, new: Checkpoint, proof: Proof) -> None:
        if new.size < last.size:
            raise ForkError(
                f"the log was cut: it had {count_of(last.size, 'entry')} and has {new.size:,};"
                " not cosigned"
            )
        if new.size == last.size and new.root != last.root:
            raise ForkError(f"the log has two roots at size {new.size}; not cosigned")
        if not last.size:  # everything goes on from nothing
            return
        try:
            hashes = proof(last.size, new.size)
            verify_consistency(last.size, new.size, hashes, last.root, new.root)
        except ProofError as error:
            raise ForkError(
                "the log does not go on from its checkpoint of"
                f" {count_of(last.size, 'entry')}: {error}; not cosigned"
            ) from None

    def _keep(self, raw: bytes) -> None:
        try:
            handle, name = tempfile.mkstemp(dir=self._state.parent, prefix=".witness-")
            with os.fdopen(handle, "wb") as out:
                out.write(raw)
                out.flush()
                os.fsync(out.fileno())
            Path(name).replace(self._state)
            folder = os.open(self._state.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise UpheldError(
                f"{self._state} cannot be written: {error.strerror}",
                code="unwritable",
                hint="make room",
            ) from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One at a time: of two checkpoints that come together, the second sees the first."""
        lock = self._state.with_name(self._state.name + ".lock")
        try:
            handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise UpheldError(
                f"{lock} cannot be written: {error.strerror}",
                code="unwritable",
                hint="choose another path",
            ) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

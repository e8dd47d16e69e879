"""Private keys in a file and in another process."""

from __future__ import annotations

import signal
import socket as sockets
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.logs import ORIGIN, SIGNER
from processes import HEARS_CTRL_C, PATIENCE, child
from upheld.core.errors import UpheldError
from upheld.ledger.checkpoint import Checkpoint, open_note, sign_checkpoint
from upheld.ledger.note import LOG, Key, NoteError
from upheld.ledger.signers import FileSigner, SignedState, SignerError, SignerServer, SocketSigner

UPHELD = str(Path(sys.executable).with_name("upheld"))


@pytest.fixture(name="socket")
def _socket(tmp_path: Path) -> Iterator[Path]:
    """The socket of a server that answers until the test ends."""
    path = tmp_path / "signer"
    server, ending = SignerServer(SIGNER, path, tmp_path / "signed"), threading.Event()

    def serve() -> None:
        while not ending.is_set():
            server.serve(requests=1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield path
    ending.set()
    with sockets.socket(sockets.AF_UNIX) as line:
        line.connect(str(path))  # it may wait for the next question
    thread.join()
    server.close()


def test_a_key_file_is_made_and_opened(tmp_path: Path) -> None:
    """What was made opens again, with the same public key, and is its owner's alone."""
    path = tmp_path / "log.key"
    made = FileSigner.create(path, ORIGIN)
    assert FileSigner.open(path).key == made.key
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(UpheldError, match="exists already"):
        FileSigner.create(path, ORIGIN)
    with pytest.raises(UpheldError, match="cannot be written"):
        FileSigner.create(tmp_path / "none" / "log.key", ORIGIN)


@pytest.mark.parametrize("wrong", ["", "x", "PRIVATE+KEY+a+b+c", "PRIVATE+KEY+a+00000000+AQ=="])
def test_what_is_no_key_file_is_refused(tmp_path: Path, wrong: str) -> None:
    """An empty file, other text, a cut key: each is answered, never a traceback."""
    path = tmp_path / "log.key"
    path.write_text(wrong)
    path.chmod(0o600)
    with pytest.raises(SignerError, match="is not a private key"):
        FileSigner.open(path)
    with pytest.raises(SignerError, match="can be read"):
        FileSigner.open(tmp_path / "none")


def test_a_key_file_that_was_changed_or_lies_open_is_refused(tmp_path: Path) -> None:
    """A file that others may read is no secret, and a changed one is another key."""
    path = tmp_path / "log.key"
    FileSigner.create(path, ORIGIN)
    path.chmod(0o640)
    with pytest.raises(UpheldError, match="others than its owner"):
        FileSigner.open(path)
    path.chmod(0o600)
    path.write_text(path.read_text().replace("larch", "birch"))
    with pytest.raises(SignerError, match="was changed"):
        FileSigner.open(path)


def test_another_process_signs_checkpoints(socket: Path) -> None:
    """A checkpoint that was signed over the socket is that of the key in the file."""
    signer = SocketSigner(socket)
    signed = sign_checkpoint(Checkpoint(ORIGIN, 3, bytes(32)), signer)
    assert open_note(signed, Key(ORIGIN, LOG, SIGNER.public)).size == 3
    assert socket.stat().st_mode & 0o077 == 0


def test_another_process_signs_nothing_but_this_logs_checkpoints(socket: Path) -> None:
    """Another log's, a smaller one, or any other text: the signer refuses."""
    signer = SocketSigner(socket)
    sign_checkpoint(Checkpoint(ORIGIN, 3, bytes(32)), signer)
    for message in (
        Checkpoint("birch.example", 4, bytes(32)).text.encode(),
        Checkpoint(ORIGIN, 2, bytes(32)).text.encode(),
        b"pay me",
        b"\xff",
        b"x" * 100_000,
    ):
        with pytest.raises(SignerError):
            signer.sign(message)
    with pytest.raises(NoteError):
        sign_checkpoint(Checkpoint(ORIGIN, 3, b""), signer)


def test_a_signer_that_is_not_there_is_told(tmp_path: Path) -> None:
    """No process at the socket, or a file in its place, is an error with its remedy."""
    with pytest.raises(SignerError, match="no signer answers"):
        SocketSigner(tmp_path / "none")
    (tmp_path / "taken").touch()
    with pytest.raises(SignerError, match="cannot be listened on"):
        SignerServer(SIGNER, tmp_path / "taken", tmp_path / "signed")


def test_the_command_signs_until_it_is_stopped(tmp_path: Path) -> None:
    """`upheld ledger signer` signs for an export, and its socket goes with it."""
    key, socket = tmp_path / "log.key", tmp_path / "signer"
    made = FileSigner.create(key, ORIGIN)
    command = [*HEARS_CTRL_C, "ledger", "signer", str(key), "--socket", str(socket)]
    with child(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == f"{socket}: signing for {ORIGIN}\n"
        signed = sign_checkpoint(Checkpoint(ORIGIN, 1, bytes(32)), SocketSigner(socket))
        server.send_signal(signal.SIGINT)
        assert server.wait(PATIENCE) == 0
    assert open_note(signed, made.key).size == 1
    assert not socket.exists()


def test_no_size_is_signed_with_two_roots_whenever_the_signer_is_started(tmp_path: Path) -> None:
    """The last one is remembered durably, before it is signed; the same may be signed again."""
    state = SignedState(tmp_path / "signed", ORIGIN)
    assert state.advance(Checkpoint(ORIGIN, 3, bytes(32)))
    with pytest.raises(SignerError, match="another signer uses"):
        SignedState(tmp_path / "signed", ORIGIN)
    for _ in range(2):
        assert state.advance(Checkpoint(ORIGIN, 3, bytes(32)))
        assert not state.advance(Checkpoint(ORIGIN, 3, bytes([1] * 32)))
        assert not state.advance(Checkpoint(ORIGIN, 2, bytes(32)))
        state.close()
        state = SignedState(tmp_path / "signed", ORIGIN)
    assert state.advance(Checkpoint(ORIGIN, 4, bytes(32)))
    state.close()
    with pytest.raises(SignerError, match="another log's"):
        SignedState(tmp_path / "signed", "birch.example")
    (tmp_path / "signed").write_bytes(b"nothing of ours")
    with pytest.raises(SignerError, match="is not what a signer kept"):
        SignedState(tmp_path / "signed", ORIGIN)


def test_a_second_root_is_refused_over_the_socket(socket: Path) -> None:
    """A log that was made anew gets no signature."""
    signer = SocketSigner(socket)
    sign_checkpoint(Checkpoint(ORIGIN, 3, bytes(32)), signer)
    sign_checkpoint(Checkpoint(ORIGIN, 3, bytes(32)), signer)
    with pytest.raises(SignerError):
        sign_checkpoint(Checkpoint(ORIGIN, 3, bytes([1] * 32)), signer)

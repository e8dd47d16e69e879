"""The keyring: it opens with its master key alone, and no change of its file goes unseen."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from pathlib import Path

import pytest

from sizes import size
from upheld.vault.keyfile import KeyringError, locked
from upheld.vault.keyring import KeyFile, Keyring, Master, Passphrase

CHANGES = size("changes of a keyring that is being read", short=20, long=500)


@pytest.fixture(name="master")
def _master(tmp_path: Path) -> Master:
    return key_file(tmp_path / "master.key", b"m" * 32)


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    return tmp_path / "keyring"


def key_file(path: Path, content: bytes) -> KeyFile:
    """A master key in a file of its owner's alone."""
    path.write_bytes(content)
    path.chmod(0o600)
    return KeyFile(path)


def test_a_keyring_opens_as_it_was_made(path: Path, master: Master) -> None:
    """Epochs and derived keys are the same after opening, and the file is its owner's alone."""
    made = Keyring.create(path, master)
    made.begin_epoch()
    opened = Keyring.open(path, master)
    assert opened.epochs == made.epochs
    assert [each.number for each in opened.epochs] == [1, 2]
    assert opened.derived("index", "email") == made.derived("index", "email")
    assert path.stat().st_mode & 0o777 == 0o600
    for each in opened.epochs:
        assert repr(each.key) not in repr(opened) + repr(each)


def test_a_passphrase_opens_what_it_sealed(path: Path) -> None:
    """The right passphrase opens; another one, or a key file, does not and is told why."""
    Keyring.create(path, Passphrase("seven plain words in a row"))
    assert Keyring.open(path, Passphrase("seven plain words in a row")).current.number == 1
    with pytest.raises(KeyringError, match="the passphrase is another, or the file was changed"):
        Keyring.open(path, Passphrase("seven other words in a row"))
    with pytest.raises(KeyringError, match="fewer than 12 characters"):
        Passphrase("too short")


def test_a_keyring_is_never_made_over_another(path: Path, master: Master) -> None:
    """To make a keyring where a file stands is refused, and the file stays."""
    Keyring.create(path, master)
    before = path.read_bytes()
    with pytest.raises(KeyringError, match="exists already"):
        Keyring.create(path, master)
    assert path.read_bytes() == before


def test_rotation_leaves_every_key(path: Path, master: Master, tmp_path: Path) -> None:
    """After rotation the new master key opens to the same keys, and the old one opens nothing."""
    made = Keyring.create(path, master)
    other = key_file(tmp_path / "other.key", b"o" * 32)
    made.rotate(other)
    assert Keyring.open(path, other).epochs == made.epochs
    with pytest.raises(KeyringError, match="does not open"):
        Keyring.open(path, master)
    made.begin_epoch()
    assert len(Keyring.open(path, other).epochs) == 2


def test_a_destroyed_epoch_is_gone(path: Path, master: Master) -> None:
    """A destroyed epoch's key is in the keyring no more; the current one cannot be destroyed."""
    ring = Keyring.create(path, master)
    with pytest.raises(KeyringError, match="epoch 1 is the current one"):
        ring.destroy_epoch(1)
    ring.begin_epoch()
    ring.destroy_epoch(1)
    assert [each.number for each in Keyring.open(path, master).epochs] == [2]
    with pytest.raises(KeyringError, match="the key of epoch 1 is not in the keyring"):
        ring.epoch(1)
    assert ring.begin_epoch().number == 3


def test_what_a_replaced_file_held_is_overwritten(path: Path, master: Master) -> None:
    """Whoever kept the old file open reads zeros where a destroyed epoch's sealed key was."""
    ring = Keyring.create(path, master)
    with path.open("rb") as old:
        ring.begin_epoch()
        assert set(old.read()) == {0}


def test_every_flipped_byte_is_found(path: Path, master: Master) -> None:
    """A changed byte of the file is found, or changes nothing that is read."""
    made = Keyring.create(path, master)
    raw = path.read_bytes()
    for at in range(len(raw)):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 0x01]) + raw[at + 1 :])
        try:
            assert Keyring.open(path, master).epochs == made.epochs
        except KeyringError:
            continue
        assert raw[at : at + 1].isspace() or raw[at + 1 : at + 2].isspace(), at


def test_an_epoch_that_was_taken_out_is_missed(path: Path, master: Master) -> None:
    """To take an epoch out of the file, or to put an old one back in, breaks its MAC."""
    ring = Keyring.create(path, master)
    old = json.loads(path.read_bytes())
    ring.begin_epoch()
    told = json.loads(path.read_bytes())
    for epochs in (told["epochs"][:1], old["epochs"] + told["epochs"], told["epochs"][::-1]):
        path.write_text(json.dumps(told | {"epochs": epochs}))
        with pytest.raises(KeyringError, match="does not open"):
            Keyring.open(path, master)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b"[1]", b'{"format": "other"}'])
def test_what_is_no_keyring_is_told(path: Path, master: Master, content: bytes) -> None:
    """A file of another kind is no keyring."""
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyringError, match="is not a keyring, or was changed"):
        Keyring.open(path, master)


def test_files_that_others_may_read_are_refused(path: Path, master: Master) -> None:
    """Keyring and master key must be their owner's alone; a folder or a missing file is told."""
    Keyring.create(path, master)
    path.chmod(0o640)
    with pytest.raises(KeyringError, match="others than its owner"):
        Keyring.open(path, master)
    with pytest.raises(KeyringError, match="cannot be read: No such file"):
        Keyring.open(path.with_name("none"), master)
    with pytest.raises(KeyringError, match="cannot be read: Is a directory"):
        Keyring.open(path.parent, master)
    short = path.with_name("short")
    with pytest.raises(KeyringError, match="has not 32 bytes"):
        key_file(short, b"x" * 33)


def test_two_writers_lose_nothing(path: Path, master: Master) -> None:
    """Who opened the keyring before another changed it is refused, and the other's change stays."""
    Keyring.create(path, master)
    one, two = Keyring.open(path, master), Keyring.open(path, master)
    one.begin_epoch()
    with pytest.raises(KeyringError, match="was changed by another process"):
        two.begin_epoch()
    assert Keyring.open(path, master).epochs == one.epochs
    assert len(two.epochs) == 1


def test_a_keyring_learns_what_another_process_did(path: Path, master: Master) -> None:
    """After `refresh` a keyring has the epochs that the file has, unless it is another one."""
    one, two = Keyring.create(path, master), Keyring.open(path, master)
    two.begin_epoch()
    one.refresh()
    assert one.epochs == two.epochs
    assert one.begin_epoch().number == 3
    path.unlink()
    Keyring.create(path, master)
    with pytest.raises(KeyringError, match="is another keyring now"):
        one.refresh()


def test_a_failed_write_leaves_the_old_file(
    path: Path, master: Master, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk leaves the keyring as it was, on disk and in memory, and nothing beside it."""
    ring = Keyring.create(path, master)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(KeyringError, match="cannot be written: No space left"):
            ring.begin_epoch()
    assert path.read_bytes() == before
    assert len(ring.epochs) == 1
    assert sorted(each.name for each in path.parent.iterdir()) == ["keyring", "master.key"]
    assert ring.begin_epoch().number == 2


def test_a_keyring_that_is_replaced_while_it_is_read_is_read_whole(
    path: Path, master: Master
) -> None:
    """Who comes in the moment of the change gets the old keys or the new ones, never zeros."""
    ring = Keyring.create(path, master)
    done = threading.Event()
    wrong: list[KeyringError] = []

    def read() -> None:
        while not done.is_set():
            try:
                Keyring.open(path, master)
            except KeyringError as error:
                wrong.append(error)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for each in readers:
        each.start()
    for _ in range(CHANGES):
        ring.begin_epoch()
    done.set()
    for each in readers:
        each.join()
    assert wrong == []
    assert Keyring.open(path, master).current.number == CHANGES + 1


def test_the_old_file_is_overwritten_only_when_nobody_reads_it(path: Path, master: Master) -> None:
    """Whoever has it open and locked for reading reads what it said."""
    ring = Keyring.create(path, master)
    before = path.read_bytes()
    with path.open("rb") as old:
        fcntl.flock(old, fcntl.LOCK_SH)
        changing = threading.Thread(target=ring.begin_epoch)
        changing.start()
        changing.join(0.3)
        assert old.read() == before
        fcntl.flock(old, fcntl.LOCK_UN)
        changing.join()
        old.seek(0)
        assert old.read() == bytes(len(before))


def test_a_keyring_of_an_earlier_upheld_opens_and_counts_from_then_on(
    path: Path, master: Master
) -> None:
    """Its file says nothing of erasures, and its MAC is right all the same."""
    ring = Keyring.create(path, master)
    assert b"erasures" not in path.read_bytes()
    with locked(path):
        ring.count_erasures(2, 2)
    assert Keyring.open(path, master).erasures == 2
    assert Keyring.open(path, master).epochs == ring.epochs

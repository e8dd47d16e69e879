"""A master key from a program: a way to a key management service, plugged in by settings."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from upheld.vault.keyfile import KeyringError
from upheld.vault.keyring import Keyring
from upheld.vault.program import KeyProgram

GOOD = f"""#!{sys.executable}
import hashlib, hmac, sys
salt = bytes.fromhex(sys.stdin.readline())
assert len(salt) == 16 and len(sys.argv) == 1
print(hmac.digest(b"what a service keeps", salt, "sha256").hex())
"""


def program(folder: Path, text: str = GOOD, mode: int = 0o700) -> Path:
    """A program in a file."""
    path = folder / "kms"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_keyring_is_made_opened_and_sealed_anew_by_a_program(tmp_path: Path) -> None:
    """The same salt gives the same key; another program opens nothing."""
    path = program(tmp_path)
    made = Keyring.create(tmp_path / "keyring", KeyProgram(path))
    made.begin_epoch()
    opened = Keyring.open(tmp_path / "keyring", KeyProgram(path))
    assert [each.key for each in opened.epochs] == [each.key for each in made.epochs]
    assert opened.master == "program"
    program(tmp_path, GOOD.replace("service", "thief"))
    with pytest.raises(KeyringError) as caught:
        Keyring.open(tmp_path / "keyring", KeyProgram(path))
    assert caught.value.code == "master-key"


@pytest.mark.parametrize(
    "text",
    [
        "#!/bin/sh\nexit 1\n",
        "#!/bin/sh\necho secret-word\n",
        "#!/bin/sh\necho 00ff\n",
        "#!/bin/sh\nprintf '\\377'\n",
        "#!/bin/sh\nread salt; echo $salt$salt; exit 3\n",
        "no program",
    ],
)
def test_a_program_that_tells_no_key_is_told_without_what_it_said(
    tmp_path: Path, text: str
) -> None:
    """It may have told half a key."""
    with pytest.raises(KeyringError) as caught:
        Keyring.create(tmp_path / "keyring", KeyProgram(program(tmp_path, text)))
    assert caught.value.code == "master-key"
    assert "secret-word" not in repr(caught.value.args)
    assert not (tmp_path / "keyring").exists()


@pytest.mark.parametrize(
    ("mode", "code"), [(0o770, "permissions"), (0o707, "permissions"), (0o600, "permissions")]
)
def test_a_program_that_others_may_change_is_not_run(tmp_path: Path, mode: int, code: str) -> None:
    """Nor is one that is none, or is not there."""
    path = program(tmp_path, mode=mode)
    with pytest.raises(KeyringError) as caught:
        KeyProgram(path)
    assert caught.value.code == code
    with pytest.raises(KeyringError):
        KeyProgram(tmp_path / "nothing")

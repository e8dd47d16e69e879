"""`upheld keys` as a person uses it: in a terminal or a script, with a wrong key or file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

UPHELD = str(Path(sys.executable).with_name("upheld"))


def keys(*words: str | Path, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Run `upheld keys` with what a person types."""
    command = [UPHELD, "keys", *map(str, words)]
    return subprocess.run(command, input=typed, capture_output=True, text=True, check=False)


@pytest.fixture(name="secret")
def _secret(tmp_path: Path) -> Path:
    return private(tmp_path / "passphrase", "seven plain words in a row\n")


def private(path: Path, content: str) -> Path:
    """A file that its owner alone may read."""
    path.write_text(content)
    path.chmod(0o600)
    return path


def test_a_keyring_is_made_and_looked_at(tmp_path: Path, secret: Path) -> None:
    """What `init` made, `status` finds whole; a second `init` leaves it alone."""
    ring = tmp_path / "keyring"
    made = keys("init", ring, "--passphrase-file", secret)
    assert made.returncode == 0
    assert "every key is whole\n  epoch 1, begun 2" in made.stdout
    told = keys("status", ring, "--passphrase-file", secret, "--json")
    assert json.loads(told.stdout)["master"] == "passphrase"
    again = keys("init", ring, "--passphrase-file", secret)
    assert (again.returncode, again.stderr) == (
        2,
        f"{ring} exists already\n  name another file\n",
    )


def test_rotation_takes_a_new_master(tmp_path: Path, secret: Path) -> None:
    """After `rotate` the new passphrase opens the keyring and the old one does not."""
    ring, new = tmp_path / "keyring", private(tmp_path / "new", "eight other words in their row")
    keys("init", ring, "--passphrase-file", secret)
    done = keys("rotate", ring, "--passphrase-file", secret, "--new-passphrase-file", new)
    assert done.returncode == 0
    assert keys("status", ring, "--passphrase-file", new).returncode == 0
    wrong = keys("status", ring, "--passphrase-file", secret)
    assert wrong.returncode == 2
    assert "does not open" in wrong.stderr
    assert "plain words" not in wrong.stderr


def test_wrong_use_is_answered(tmp_path: Path, secret: Path) -> None:
    """Two masters at once, an open file and a short passphrase are told in a sentence."""
    ring = tmp_path / "keyring"
    both = keys("init", ring, "--passphrase-file", secret, "--key-file", secret)
    assert (
        both.stderr
        == "got more than one master key\n  give a key file, a passphrase or a program\n"
    )
    secret.chmod(0o644)
    assert "chmod 600" in keys("init", ring, "--passphrase-file", secret).stderr
    short = private(tmp_path / "short", "short")
    assert "fewer than 12" in keys("init", ring, "--passphrase-file", short).stderr
    assert not ring.exists()

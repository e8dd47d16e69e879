"""`upheld legal release` and `upheld takeover archive`, killed: whole files, and one disclosure."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.homes import run
from cli.test_legal import _home, customer, order  # noqa: F401 - the fixture `home`
from practices.orders import KEY, opened_files
from upheld.cli.admin import provider_of
from upheld.core.errors import UpheldError
from upheld.core.files import new_file
from upheld.core.settings import read_settings

DIES = """
import os, signal, sys
from upheld.core import files
from upheld.cli import app
from upheld.practices.legal.custody import Custody
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
setattr({where})
app(sys.argv[1:])
"""
BEFORE_THE_FILE = 'files, "_put", die'
BEFORE_THE_NOTE = 'Custody, "confirm", die'


def approved(home: Path, number: str) -> str:
    """A subpoena that was approved; its id."""
    name = str(json.loads(order(home, number, "--json"))["id"])
    run(home, "legal", "check", name, "--by", "cora")
    run(home, "legal", "approve", name, "--by", "sean")
    run(home, "legal", "key", name, KEY, "--by", "cora")
    return name


def disclosures(home: Path, number: str) -> int:
    """How often something of an account's owner was shared."""
    provider = provider_of(read_settings(home / "upheld.toml"))
    with provider.gate.gate.together() as transaction:
        (person,) = provider.find_people(transaction, "account", number)
    entries = provider.gate.gate.entries(person)
    return [each.entry.action for each in entries].count("share")


def test_a_release_that_is_killed_gives_its_file_once_more_and_discloses_once(
    home: Path,
) -> None:
    """Killed before the file had its name, and before its delivery was noted: one entry."""
    number = customer(home)
    name, out = approved(home, number), home / "out.age"
    words = ["legal", "release", name, "--by", "olaf", "--settings", str(home / "upheld.toml")]
    for where, file in ((BEFORE_THE_FILE, out), (BEFORE_THE_NOTE, out)):
        command = [sys.executable, "-c", DIES.format(where=where), *words, "--to", str(file)]
        dead = subprocess.run(command, check=False, capture_output=True, cwd=home, timeout=600)
        assert dead.returncode == -signal.SIGKILL, dead.stderr
        assert "released and not delivered" in run(home, "legal", "list")
        assert disclosures(home, number) == 1
        assert out.exists() == (where == BEFORE_THE_NOTE)
    first = opened_files(out.read_bytes())
    with pytest.raises(UpheldError) as caught:
        run(home, *words[:5], "--to", str(home / "part.age"), "--field", "name")
    assert caught.value.code == "legal-undelivered"
    run(home, *words[:5], "--to", str(home / "again.age"))
    assert opened_files((home / "again.age").read_bytes()) == first
    assert "not delivered" not in run(home, "legal", "list")
    assert disclosures(home, number) == 1
    assert not list(home.glob(".*.part"))


def test_a_new_file_is_whole_or_not_there_and_what_was_killed_goes(tmp_path: Path) -> None:
    """A part that nobody writes any more goes, one that is being written stays."""
    path = tmp_path / "out*.age"
    (tmp_path / ".out*.age.00000000.part").write_bytes(b"half")
    with pytest.raises(KeyboardInterrupt), new_file(path) as out:
        out.write(b"some")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())
    with new_file(path) as out:
        out.write(b"all")
        with pytest.raises(UpheldError) as caught, new_file(path) as second:
            second.write(b"other")
            path.write_bytes(b"of somebody else")
        assert caught.value.code == "unwritable"
        path.unlink()
    assert path.read_bytes() == b"all"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == [path.name]

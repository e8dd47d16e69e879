"""`upheld delivery`: written as an encrypted file, confirmed after, and the same when run again."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pyrage
import pytest

from cli.homes import provider_in, run
from upheld.cli.admin import provider_of
from upheld.core.errors import UpheldError
from upheld.core.settings import read_settings
from upheld.gate.act.request import Act
from upheld.gate.transaction import GateTransaction
from upheld.practice import deliveries
from upheld.practices.rights import choices

COMMAND = importlib.import_module("upheld.cli.delivery")
IDENTITY = pyrage.x25519.Identity.generate()
KEY = str(IDENTITY.to_public())


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Path:
    """A folder with a provider that has a supplier with a key."""
    home = provider_in(tmp_path, max="manager")
    run(home, "party", "add", "Fjord Mail", "--role", "supplier", "--by", "max")
    assert KEY in run(home, "party", "key", "fjord-mail", KEY, "--by", "max")
    return home


def make(home: Path) -> tuple[str, str]:
    """A delivery about somebody who permitted it; its id, and theirs."""
    permission = choices.Permission(("email",), "supplier", "fjord-mail", "support")

    def work(transaction: GateTransaction) -> tuple[str, str]:
        person = transaction.enrol()
        for values in ({"birth-date": "1990-02-01"}, {"email": "ann@marked.example"}):
            transaction.store(person, values, source="customer", occasion="registration")
        choices.give(transaction, person, permission)
        act = Act(
            action="share",
            data=("email",),
            recipient="supplier",
            purpose="support",
            occasion="other",
            party="fjord-mail",
        )
        its = deliveries.send(transaction, act, [person]).delivery
        assert its is not None
        return its.delivery_id, person

    with provider_of(read_settings(home / "upheld.toml")).gate.gate.together() as transaction:
        return work(transaction)


def fetch(home: Path, its: str, expect: int = 0) -> str:
    """Write a delivery to the folder `out`."""
    words = ("delivery", "fetch", its, "--to", str(home / "out"), "--by", "max")
    return run(home, *words, expect=expect)


def test_a_delivery_is_listed_written_and_confirmed(home: Path) -> None:
    """The list says nothing of whom it is about, and the file is for the company alone."""
    its, person = make(home)
    listed = run(home, "delivery", "list")
    assert f"{its}: waiting, 1 for fjord-mail" in listed
    assert person not in listed
    fetch(home, its)
    file = (home / "out" / f"{its}.age").read_bytes()
    assert b"ann@marked.example" in pyrage.decrypt(file, [IDENTITY])
    (row,) = json.loads(run(home, "delivery", "list", "--json"))
    assert (row["state"], row["people"]) == ("done", {"done": 1})
    with pytest.raises(UpheldError, match="is done"):
        fetch(home, its)


def test_a_command_that_dies_before_the_file_is_there_can_be_run_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is shown as not delivered until then, and delivered once after."""
    its, _ = make(home)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(COMMAND, "write_whole", die)
        with pytest.raises((KeyboardInterrupt, AssertionError)):
            fetch(home, its)
    assert f"{its}: waiting" in run(home, "delivery", "list")
    fetch(home, its)
    assert f"{its}: done" in run(home, "delivery", "list")
    assert [each.name for each in (home / "out").iterdir()] == [f"{its}.age"]


def test_a_delivery_that_is_kept_back_is_never_written(home: Path) -> None:
    """Whoever kept it back was a member of staff, and nobody who is not can."""
    its, _ = make(home)
    with pytest.raises(UpheldError):
        run(home, "delivery", "recall", its, "--by", "nobody")
    assert "recalled" in run(home, "delivery", "recall", its, "--by", "max")
    with pytest.raises(UpheldError, match="is recalled"):
        fetch(home, its)
    assert not (home / "out").exists()

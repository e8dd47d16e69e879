"""`upheld programme`: made, listed, run and ended by a member of staff who is named."""

from __future__ import annotations

import json
from pathlib import Path

import pyrage
import pytest

from cli.homes import provider_in, run
from upheld.cli.admin import provider_of
from upheld.core.errors import UpheldError
from upheld.core.settings import read_settings
from upheld.gate.transaction import GateTransaction
from upheld.practices.programmes import members, programmes

KEY = str(pyrage.x25519.Identity.generate().to_public())


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Path:
    """A folder with a provider that has a programme's partner with a key."""
    home = provider_in(tmp_path, max="manager")
    run(home, "party", "add", "Fjord Letters", "--role", "programme-partner", "--by", "max")
    run(home, "party", "key", "fjord-letters", KEY, "--by", "max")
    (home / "text.txt").write_text("They write to you\n# once a month.\n")
    return home


def add(home: Path, *words: str) -> str:
    """Make a programme; what the command prints."""
    return run(
        home,
        *("programme", "add", "Letters", "--party", "Fjord Letters", "--fields", "name, email"),
        *("--purpose", "a letter each month", "--text", str(home / "text.txt"), "--by", "max"),
        *words,
    )


def join(home: Path) -> str:
    """Let somebody join the programme; their id."""
    provider = provider_of(read_settings(home / "upheld.toml"))

    def work(transaction: GateTransaction) -> str:
        person = transaction.enrol()
        for values in (
            {"birth-date": "1990-02-01"},
            {"name": "Ann Marked", "email": "ann@marked.example"},
        ):
            transaction.store(person, values, source="customer", occasion="registration")
        its = programmes.find(transaction.tables, "Letters")
        digest = members.digest(programmes.wording(transaction.policy, its))
        members.join(provider, transaction, person, its, digest)
        return person

    with provider.gate.gate.together() as transaction:
        return work(transaction)


def test_a_programme_is_made_joined_run_and_ended(home: Path) -> None:
    """The list says how many joined and were sent, and nothing of whom."""
    its = json.loads(add(home, "--json"))
    assert its["fields"] == ["name", "email"]
    person = join(home)
    assert "1 person in 1 delivery" in run(home, "programme", "run", "Letters", "--by", "max")
    assert "0 people in 0 deliveries" in run(home, "programme", "run", its["id"], "--by", "max")
    listed = run(home, "programme", "list")
    assert "1 joined, 1 sent" in listed
    assert person not in listed
    assert "for fjord-letters, programme" in run(home, "delivery", "list")
    run(home, "programme", "end", "Letters", "--by", "max")
    with pytest.raises(UpheldError, match="not in force"):
        run(home, "programme", "run", "Letters", "--by", "max")


def test_what_cannot_be_is_refused_and_leaves_nothing(home: Path) -> None:
    """Days in the past, a stranger, and a member of staff whom nobody knows are mistakes."""
    for words in (("--until", "2020-01-01"), ("--since", "soon")):
        with pytest.raises(UpheldError):
            add(home, *words)
    for words in (("--fields", "card"), ("--party", "Nobody"), ("--by", "eve")):
        with pytest.raises(UpheldError):
            add(home, *words)
    assert json.loads(run(home, "programme", "list", "--json")) == []

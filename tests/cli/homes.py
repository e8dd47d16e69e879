"""A provider in a folder, for tests of commands."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from empty import lay_tables
from upheld.cli import app
from upheld.cli.admin import gate_of
from upheld.core.settings import read_settings
from upheld.demo import sample_policy
from upheld.practice import operators


def provider_in(folder: Path, *, policy_text: str = "", **roles: str) -> Path:
    """Make a provider under the sample policy or another, where each of some works in a role."""
    (folder / "policy.md").write_text(policy_text or sample_policy().read_text())
    (folder / "master").write_bytes(b"m" * 32)
    (folder / "master").chmod(0o600)
    (folder / "upheld.toml").write_text(
        'database = "sqlite:///provider.db"\nkeyring = "keyring"\npolicy = "policy.md"\n'
        'key_file = "master"\n'
    )
    lay_tables(folder / "provider.db")
    run(folder, "admin", "init")
    with gate_of(read_settings(folder / "upheld.toml")).together() as transaction:
        for name, role in roles.items():
            user = operators.add_user(transaction.tables, "staff", name, name, roles=[role])
            operators.change_state(transaction.tables, user.user_id, operators.ACTIVE)
    return folder


def run(home: Path, *words: str, typed: str = "", expect: int = 0) -> str:
    """Run a command with the settings of the folder; what it prints."""
    command = [*words, "--settings", str(home / "upheld.toml")]
    done = CliRunner().invoke(app, command, input=typed, catch_exceptions=False)
    assert done.exit_code == expect, done.output
    return done.output


def home_with_partner(folder: Path) -> Path:
    """A provider with the customer Ann Marked and the business partner Spruce Point."""
    home = provider_in(folder, max="manager")
    run(home, "party", "add", "Spruce Point", "--role", "business-partner", "--by", "max")
    people = "name,email,birth-date\nAnn Marked,ann@marked.example,1990-02-01\n"
    (home / "people.csv").write_text(people)
    run(home, "admin", "import", str(home / "people.csv"), "--apply")
    return home


def partner_day(home: Path) -> str:
    """The day on which the first partner was added, as files have it: what is told of it is new."""
    since: str = json.loads(run(home, "party", "list", "--json"))[0]["since"]
    return since[:10]

"""`upheld staff`: somebody is added with a link that is shown once, listed, and let go."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from empty import lay_tables
from upheld.cli import app
from upheld.core.errors import UpheldError
from upheld.demo import sample_policy


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Path:
    """A folder with a provider that was begun, and its passphrase."""
    (tmp_path / "policy.md").write_text(sample_policy().read_text())
    (tmp_path / "passphrase").write_text("seven plain words in a row")
    (tmp_path / "passphrase").chmod(0o600)
    (tmp_path / "upheld.toml").write_text(
        'database = "sqlite:///provider.db"\nkeyring = "keyring"\npolicy = "policy.md"\n'
        'passphrase_file = "passphrase"\n'
    )
    lay_tables(tmp_path / "provider.db")
    run(tmp_path, "admin", "init")
    return tmp_path


def run(home: Path, *words: str) -> str:
    """Run a command with the settings of the folder."""
    said = [*words, "--settings", str(home / "upheld.toml")]
    done = CliRunner().invoke(app, said, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_somebody_is_added_listed_and_let_go(home: Path) -> None:
    """The link is shown once; the list says what each works on, and companies are registered."""
    said = run(
        home,
        "staff",
        "add",
        "Olga Beck",
        "--sign-in",
        "Olga",
        "--role",
        "support",
        "--role",
        "manager",
    )
    address = next(line for line in said.splitlines() if "/staff/enrol/" in line)
    assert "otpauth" not in said
    with pytest.raises(UpheldError, match="no company of the register"):
        run(home, "staff", "agent", "Duns", "Ed Roe", "--sign-in", "ed")
    run(home, "party", "add", "Duns", "--role", "collection-agent", "--by", "olga")
    more = run(home, "staff", "agent", "Duns", "Ed Roe", "--sign-in", "ed", "--json")
    assert json.loads(more)["enrol"].startswith("/agent/enrol/")
    again = run(home, "staff", "renew", "olga")
    assert "/staff/enrol/" in again
    assert address not in again
    with pytest.raises(UpheldError, match="already"):
        run(home, "staff", "add", "Eve", "--sign-in", "ED")
    assert "no longer" in run(home, "staff", "end", "ed")
    with pytest.raises(UpheldError, match="nobody"):
        run(home, "staff", "end", "ed")
    listed = run(home, "staff", "list")
    assert "olga: Olga Beck, support, manager, invited" in listed
    assert "ed: Ed Roe, for Duns, ended" in listed
    assert address not in listed
    assert "secret" not in run(home, "staff", "list", "--json")


def test_an_unknown_role_is_refused(home: Path) -> None:
    """Nobody is added whose role is not in the file."""
    with pytest.raises(UpheldError, match="no role `boss`"):
        run(home, "staff", "add", "Eve", "--sign-in", "eve", "--role", "boss")
    assert run(home, "staff", "list") == ""


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ('[role.support]\ntitle = "Support"\n[role.support.may]\nsuport = ["email"]', "`suport`"),
        ('[role.support]\ntitle = "S"\n[role.support.may]\nsupport = ["e-mail"]', "`e-mail`"),
        ('[role.support]\ntitle = "S"\n[role.support.may]\nsupport = []', "no kind of data"),
        ('[role.support]\ntitle = "S"\nsees = ["email"]', "sees"),
        ('[reason.x]\ntitle = "X"\npurpose = "support"', "role"),
        ('[role.s]\ntitle = "S"\n[reason.x]\ntitle = "X"\npurpose = "prying"', "`prying`"),
        ("[role", "not TOML"),
    ],
)
def test_a_mistake_in_the_file_of_roles_is_named(home: Path, told: str, said: str) -> None:
    """A word that is not known, or a role about nothing, is an error and never a hole."""
    (home / "roles.toml").write_text(told)
    with (home / "upheld.toml").open("a") as file:
        file.write('roles = "roles.toml"\n')
    with pytest.raises(UpheldError, match=said):
        run(home, "staff", "add", "Eve", "--sign-in", "eve")

"""`upheld agreement`: from the draft to both signatures, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.homes import provider_in, run
from upheld.cli import app
from upheld.core.clock import system_time
from upheld.core.errors import UpheldError

UNTIL = ("--until", f"{system_time().year + 5}-12-31", "--by", "mo")


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Path:
    """A provider with a trusted partner, and the draft of an agreement."""
    home = provider_in(tmp_path, mo="manager", sam="support")
    run(home, "party", "add", "Northern Mail", "--role", "trusted-partner", "--by", "mo")
    alone("agreement", str(home / "policy.md"), "--partner", "N", "--out", str(home / "a.md"))
    return home


def alone(*words: str) -> str:
    """Run a command without settings; what it prints."""
    done = CliRunner().invoke(app, [*words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output.strip()


def refused(home: Path, *words: str) -> UpheldError:
    """Run a command that is refused; the error."""
    command = [*words, "--settings", str(home / "upheld.toml")]
    with pytest.raises(UpheldError) as error:
        CliRunner().invoke(app, command, catch_exceptions=False)
    assert error.value.hint
    return error.value


def listed(home: Path) -> dict[str, object]:
    """The only agreement that there is."""
    (one,) = json.loads(run(home, "agreement", "list", "--json"))
    return dict(one)


def test_both_sides_sign_by_command(home: Path) -> None:
    """The partner makes a key and signs on a machine of its own; the provider takes both in."""
    run(home, "agreement", "add", "northern-mail", str(home / "a.md"), *UNTIL)
    one = str(listed(home)["agreement"])
    public = alone("agreement", "keygen", str(home / "their.key"), "--name", "northern.example")
    run(home, "agreement", "key", "Northern Mail", public, "--by", "mo")
    (home / "s.txt").write_text(run(home, "agreement", "statement", one))
    run(home, "agreement", "approve", one, "--by", "mo")
    key = ("--key", str(home / "their.key"))
    signature = alone("agreement", "sign", str(home / "s.txt"), *key)
    assert refused(home, "agreement", "accept", one, signature, "--by", "sam").code == (
        "agreement-role"
    )
    run(home, "agreement", "accept", one, signature, "--by", "mo")
    assert listed(home)["state"] == "signed"
    run(home, "agreement", "withdraw", one[:8], "--why", "We parted", "--by", "mo")
    assert listed(home)["state"] == "withdrawn"
    again = refused(home, "agreement", "withdraw", one, "--why", "Again", "--by", "mo")
    assert again.code == "agreement-state"


def test_what_cannot_be_kept_is_answered(home: Path) -> None:
    """Wider terms, too many bytes, a company that is no partner, a wrong day, a strange file."""
    wide = (home / "a.md").read_text().replace("with confidentiality, no-onward", "with no-onward")
    (home / "w.md").write_text(wide)
    add = ("agreement", "add", "northern-mail")
    assert refused(home, *add, str(home / "w.md"), *UNTIL).code == "agreement-wider"
    (home / "large.md").write_bytes(b"x" * 10_000_000)
    assert refused(home, *add, str(home / "large.md"), *UNTIL).code == "agreement-large"
    text = str(home / "a.md")
    assert refused(home, "agreement", "add", "Nobody", text, *UNTIL).code == "no-party"
    late = ("--until", "2020-01-01", "--by", "mo")
    assert refused(home, *add, text, *late).code == "agreement-term"
    run(home, "party", "add", "Quay", "--role", "supplier", "--by", "mo")
    assert refused(home, "agreement", "add", "Quay", text, *UNTIL).code == "agreement-partner"
    with pytest.raises(UpheldError, match="no statement"):
        CliRunner().invoke(
            app, ["agreement", "sign", text, "--key", "none"], catch_exceptions=False
        )

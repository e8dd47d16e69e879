"""`upheld takeover`: opened, approved by somebody else, ended; the list names nobody."""

from __future__ import annotations

import json
from pathlib import Path

import pyrage
import pytest
from typer.testing import CliRunner

from cli.homes import provider_in, run
from practices.orders import PDF
from upheld.cli import app
from upheld.core.errors import UpheldError


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Path:
    """A folder with a provider at which two lawyers work, and a successor on its register."""
    home = provider_in(tmp_path, cleo="counsel", liv="legal", sam="support", max="manager")
    run(home, "party", "add", "Spruce Point", "--role", "successor", "--by", "max")
    (home / "deed.pdf").write_bytes(PDF)
    return home


def open_one(home: Path, *words: str, by: str = "cleo") -> str:
    """Open a merger by the command; what it prints."""
    what = ("--reference", "Deed 7", "--document", str(home / "deed.pdf"), "--json", *words)
    day = () if "--effective" in words else ("--effective", "2020-02-01")
    return run(home, "takeover", "open", "merger", "Spruce Point", "--by", by, *what, *day)


def test_a_closing_is_opened_approved_by_somebody_else_and_ended(home: Path) -> None:
    """Without a key of the successor it is not approved; each step says how it stands."""
    name = str(json.loads(open_one(home))["id"])
    for by, code in (("cleo", "takeover-second-person"), ("liv", "takeover-party")):
        with pytest.raises(UpheldError) as caught:
            run(home, "takeover", "approve", name, "--by", by)
        assert caught.value.code == code
    identity = pyrage.x25519.Identity.generate()
    (home / "key.txt").write_text(str(identity))
    run(home, "party", "key", "Spruce Point", str(identity.to_public()), "--by", "max")
    assert "merger, approved" in run(home, "takeover", "approve", name, "--by", "liv")
    run(home, "jobs", "--once")
    archive = home / "all.zip"
    lines = run(home, "takeover", "archive", name, "--by", "cleo", "--to", str(archive))
    assert lines.startswith("accounts: 0\ndigest of the manifest: ")
    digest = lines.split()[-1]
    with pytest.raises(UpheldError) as caught:
        run(home, "takeover", "archive", name, "--by", "cleo", "--to", str(archive))
    assert caught.value.code == "unwritable"
    check = (str(archive), "--digest", digest, "--identity", str(home / "key.txt"))
    lacking = CliRunner().invoke(app, ["takeover", "check", str(home / "no.zip"), *check[1:]])
    assert isinstance(lacking.exception, UpheldError)
    assert lacking.exception.code == "unreadable"
    successor = CliRunner().invoke(app, ["takeover", "check", *check])
    assert (successor.exit_code, successor.stdout.splitlines()) == (
        0,
        ["accounts: 0", "each is as the manifest says, and this key opens it"],
    )
    successor = CliRunner().invoke(app, ["takeover", "check", *check, "--json"])
    assert json.loads(successor.stdout)["opened"]
    take_in(home, check, digest)
    confirm = ("takeover", "confirm", name, "--by", "cleo", "--digest", digest, "--accounts")
    with pytest.raises(UpheldError) as caught:
        run(home, *confirm, "1")
    assert caught.value.code == "takeover-differs"
    assert "done" in run(home, *confirm, "0")
    name = str(json.loads(open_one(home))["id"])
    run(home, "takeover", "approve", name, "--by", "liv")
    assert "ended" in run(home, "takeover", "end", name, "--by", "cleo", "--json")
    other = str(json.loads(open_one(home))["id"])
    assert "refused" in run(home, "takeover", "refuse", other, "--by", "liv")
    assert f"{name}: merger, ended, to spruce-point" in run(home, "takeover", "list")
    assert len(json.loads(run(home, "takeover", "list", "--json"))) == 3


def take_in(home: Path, check: tuple[str, ...], digest: str) -> None:
    """Take an archive in from a company that is on the register first, and not before."""
    bring = ("takeover", "import", *check, "--by", "cleo", "--from")
    with pytest.raises(UpheldError) as caught:
        run(home, *bring, "Larch Valley")
    assert caught.value.code == "takeover-party"
    run(home, "party", "add", "Larch Valley", "--role", "business-partner", "--by", "max")
    brought = run(home, *bring, "Larch Valley")
    assert brought == f"accounts: 0\ndigest of the manifest: {digest}\n"
    assert json.loads(run(home, *bring, "Larch Valley", "--json"))["digest"] == digest
    with pytest.raises(UpheldError) as caught:
        run(home, "takeover", "proof", "0" * 32, "--by", "cleo")
    assert caught.value.code == "takeover"


def test_what_is_wrong_with_a_closing_is_told_by_its_code(home: Path) -> None:
    """Who is no lawyer, a day that is none, a list of addresses, a document that is a script."""
    (home / "list").write_text("ann@marked.example\nbo@marked.example\n")
    for words, by, code in (
        ((), "sam", "takeover-role"),
        (("--effective", "soon"), "cleo", "usage"),
        (("--schedule", str(home / "list")), "cleo", "takeover-accounts"),
        (("--document", str(home / "list")), "cleo", "takeover-document"),
    ):
        with pytest.raises(UpheldError) as caught:
            open_one(home, *words, by=by)
        assert caught.value.code == code
    assert run(home, "takeover", "list") == ""

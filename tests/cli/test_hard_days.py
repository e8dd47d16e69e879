"""Hard days by command alone: a belief, an account that is sold, a session that was stolen."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pyrage
import pytest
from typer.testing import CliRunner

from cli.homes import provider_in, run
from cli.test_legal import customer
from practices.orders import KEY, PDF, opened_files
from upheld.cli import app
from upheld.cli.admin import provider_of
from upheld.core.errors import UpheldError
from upheld.core.settings import read_settings
from upheld.gate.act.request import Act
from upheld.practice import operators, tasks
from upheld.practices.takeovers.tables import takeover_account


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Path:
    """A folder with a provider and all who are needed on such days."""
    roles = {
        "olaf": "legal",
        "cora": "counsel",
        "sean": "legal",
        "pia": "privacy",
        "max": "manager",
    }
    return provider_in(tmp_path, **roles, sam="support")


def test_one_person_alone_completes_no_determination(home: Path) -> None:
    """Whoever believes does not agree, counsel does not check it, and until then nothing goes."""
    belief = home / "belief.txt"
    belief.write_text("The account is used to sell what was stolen.")
    issued = ("--issuer", "Larch Police", "--reference", "Case 7", "--ground", "illegal-activity")
    reach = ("--recipient", "law-enforcement", "--account", customer(home), "--field", "name")
    term = ("--starts", "2020-01-01", "--ends", "2099-12-31", "--belief", str(belief), "--json")
    answer = run(home, "legal", "open", "determination", "--by", "olaf", *issued, *reach, *term)
    name = json.loads(answer)["id"]
    run(home, "legal", "key", name, KEY, "--by", "cora")
    release = ("legal", "release", name, "--by", "olaf", "--to", str(home / "out.age"))
    for words, code in (
        (release, "legal-state"),
        (("legal", "approve", name, "--by", "olaf"), "legal-second-person"),
    ):
        with pytest.raises(UpheldError) as caught:
            run(home, *words)
        assert caught.value.code == code
    assert not (home / "out.age").exists()
    assert "approved" in run(home, "legal", "approve", name, "--by", "sean")
    run(home, *release)
    files = opened_files((home / "out.age").read_bytes())
    assert any("Ann Marked" in each for each in files.values())


def test_the_account_that_is_sold_goes_and_no_other(home: Path) -> None:
    """One of two, by the schedule that was signed; the other stays as it was."""
    sold, other = customer(home), customer(home)
    run(home, "party", "add", "Spruce Point", "--role", "successor", "--by", "max")
    identity = pyrage.x25519.Identity.generate()
    run(home, "party", "key", "Spruce Point", str(identity.to_public()), "--by", "max")
    (home / "key.txt").write_text(str(identity))
    (home / "deed.pdf").write_bytes(PDF)
    (home / "schedule.txt").write_text(f"{sold}\n")
    signed = ("--reference", "Deed 8", "--document", str(home / "deed.pdf"))
    what = ("--effective", "2020-02-01", "--schedule", str(home / "schedule.txt"), "--json")
    answer = run(home, "takeover", "open", "sale", "Spruce Point", "--by", "cora", *signed, *what)
    name = str(json.loads(answer)["id"])
    run(home, "takeover", "approve", name, "--by", "sean")
    for _ in range(3):
        run(home, "jobs", "--once")
    archive = home / "sold.zip"
    lines = run(home, "takeover", "archive", name, "--by", "cora", "--to", str(archive))
    assert lines.startswith("accounts: 1\n")
    digest = lines.split()[-1]
    run(home, "takeover", "confirm", name, "--by", "cora", "--accounts", "1", "--digest", digest)
    run(home, "jobs", "--once")
    check = (str(archive), "--digest", digest, "--identity", str(home / "key.txt"))
    assert CliRunner().invoke(app, ["takeover", "check", *check]).exit_code == 0
    provider = provider_of(read_settings(home / "upheld.toml"))
    with provider.gate.gate.together() as transaction:
        gone, there = (
            provider.find_people(transaction, "account", each)[0] for each in (sold, other)
        )
        closed = transaction.records_of([gone, there], ["account"])[0]
        assert [each.person_id for each in closed] == [gone]
        (row,) = transaction.tables.select(takeover_account)
        assert row.person_id == gone


def test_of_a_stolen_session_whoever_was_looked_up_is_told_and_nobody_else(home: Path) -> None:
    """By the name with which the member of staff signs in, and the times of the session."""
    number, _ = customer(home), customer(home)
    provider = provider_of(read_settings(home / "upheld.toml"))
    with provider.gate.gate.together() as transaction:
        person = provider.find_people(transaction, "account", number)[0]
        sam = operators.find_by_sign_in(transaction.tables, "staff", "sam")
        assert sam is not None
        user_id = sam[0].user_id
        task = tasks.open_task(transaction, person, "ticket", "support", role="support")
        tasks.take(transaction, task, user_id, ["name"])
        act = Act(action="view", data=("name",), actor="staff", purpose="support", party=user_id)
        transaction.act(act, person)
        tasks.close(transaction, task, by=user_id)
    now = provider.clock.now()
    hour = timedelta(hours=1)
    times = {"--since": now - hour, "--until": now, "--discovery": now}
    words = [part for name, at in times.items() for part in (name, f"{at:%Y-%m-%dT%H:%M:%S.%f}")]
    new = json.loads(run(home, "incident", "open", "staff", "sam", "--by", "pia", *words, "--json"))
    assert (new["state"], new["people"]) == ("counted", 1)
    draft = ("incident", "draft", str(new["id"]), "--by", "pia", "--text", "-", "--json")
    turn = str(json.loads(run(home, *draft, typed="A session was stolen."))["turn"])
    run(home, "incident", "approve", str(new["id"]), "--turn", turn, "--by", "max")
    run(home, "jobs", "--once")
    shown = json.loads(run(home, "incident", "show", str(new["id"]), "--json"))
    assert (shown["notices"]["notified"], shown["notices"]["waiting"]) == (1, 0)

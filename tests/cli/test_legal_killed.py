"""Each step of the legal desk, killed before it is kept and right after: whole, or not at all."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from cli.homes import run
from cli.kills import AFTER, BEFORE, die, dying_child, killed, rows_in, twice
from cli.test_legal import _home, customer, order  # noqa: F401 - the fixture `home`
from practices.conftest import PAGE, SetClock
from practices.orders import KEY, opened_files
from upheld.app.provider import provider_app
from upheld.cli.admin import provider_of
from upheld.core.clock import system_time
from upheld.core.settings import read_settings
from upheld.practice import operators
from upheld.practice.endpoints import cookie_name
from upheld.practice.plugin import Provider
from upheld.practices.legal.instruments import Instruments
from upheld.web import sessions


def provider_at(home: Path) -> Provider:
    """The provider in a folder."""
    return provider_of(read_settings(home / "upheld.toml"))


def states(home: Path) -> list[tuple[str, str, int]]:
    """Every instrument: its id, its state, how often something was released under it."""
    listed = json.loads(run(home, "legal", "list", "--json"))
    return [(each["id"], each["state"], each["releases"]) for each in listed]


def acts(home: Path, number: str) -> list[str]:
    """What was done about the owner of an account, by its actions."""
    provider = provider_at(home)
    with provider.gate.gate.together() as transaction:
        (person,) = provider.find_people(transaction, "account", number)
    return [each.entry.action for each in provider.gate.gate.entries(person)]


def test_each_step_of_an_order_that_is_killed_is_taken_whole_or_not_at_all(home: Path) -> None:
    """Intake, check, approval, key, reading, release and lapse: one of each in the end."""
    number = customer(home)
    killed(partial(order, home, number), BEFORE)
    assert states(home) == []
    hour = (system_time() + timedelta(hours=1)).isoformat(timespec="seconds")
    killed(partial(order, home, number, "--ends", hour), AFTER)
    ((name, state, _),) = states(home)
    assert state == "open"
    twice(home, "legal", "check", name, "--by", "cora")
    twice(home, "legal", "approve", name, "--by", "sean")
    assert acts(home, number).count("add instrument") == 1
    twice(home, "legal", "key", name, KEY, "--by", "cora", again="")
    reading_killed(home, name)
    out = home / "out.age"
    release = ("legal", "release", name, "--by", "olaf", "--to", str(out))
    twice(home, *release, again="")
    assert acts(home, number).count("share") == 1
    run(home, *release)  # which gives the same file, and is no further release
    assert "Ann Marked" in "".join(opened_files(out.read_bytes()).values())
    assert states(home) == [(name, "approved", 1)]
    assert acts(home, number).count("share") == 1
    killed(partial(run, home, *release[:-1], str(home / "more.age")), AFTER)
    lapse_killed(home)
    assert "not delivered" not in run(home, "legal", "list")
    assert acts(home, number).count("share") == 2


def reading_killed(home: Path, name: str) -> None:
    """Let the server die as an officer reads the document: nothing is other than it was."""
    provider = provider_at(home)
    with provider.gate.gate.together() as transaction:
        olaf = operators.find_by_sign_in(transaction.tables, "staff", "olaf")
        assert olaf is not None
        raw = sessions.begin(transaction.tables, "staff", olaf[0].user_id, provider.clock.now())
    before = rows_in(home)
    with dying_child() as is_child:
        if is_child:
            server = provider_at(home)
            model: Any = Instruments
            model.document = die
            browser = TestClient(provider_app(server, server.policy), headers=PAGE)
            browser.cookies.set(cookie_name(server, "staff"), raw)
            browser.get(f"/staff/legal/{name}/document")
    assert rows_in(home) == before


def lapse_killed(home: Path) -> None:
    """Let the job die that takes away what nobody may have any more, once the order is over."""

    def take_away() -> None:
        provider = provider_at(home)
        gate = provider.gate.gate
        gate.context = gate.context.by(SetClock(system_time() + timedelta(hours=2)))
        (job,) = [each for each in provider.jobs if each.name == "legal-productions"]
        job.run(gate)

    before = rows_in(home)
    killed(take_away, BEFORE)
    assert rows_in(home) == before
    killed(take_away, AFTER)
    assert rows_in(home)["legal_production"] == []
    after = rows_in(home)
    take_away()
    assert rows_in(home) == after


def test_an_emergency_that_is_killed_at_each_step_is_reviewed_once(home: Path) -> None:
    """The determination is in force at once or was not made, and one review closes it."""
    number = customer(home)
    (home / "belief.txt").write_text("She asked for help and does not answer.")
    determine = ("legal", "open", "determination", "--by", "olaf", "--issuer", "Larch Valley")
    reach = ("--reference", "Case 7", "--account", number, "--field", "name")
    whom = ("--recipient", "emergency-service", "--ground", "physical-safety")
    term = ("--starts", "2020-01-01", "--ends", "2099-12-31")
    words = (*determine, *reach, *whom, *term, "--belief", str(home / "belief.txt"))
    twice(home, *words, again="")
    ((name, state, _),) = states(home)
    assert state == "approved"
    twice(home, "legal", "key", name, KEY, "--by", "cora", again="")
    release = ("legal", "release", name, "--by", "olaf", "--to", str(home / "out.age"))
    twice(home, *release, again="")
    run(home, *release)
    (home / "finding.txt").write_text("It had to be.")
    twice(home, "legal", "review", name, "--by", "sean", "--finding", str(home / "finding.txt"))
    done = acts(home, number)
    assert (done.count("share"), done.count("review-disclosure")) == (1, 1)

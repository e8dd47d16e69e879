"""Each step of a takeover and of an incident, killed before it is kept and right after."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from pathlib import Path

import pyrage

from cli.homes import provider_in, run
from cli.kills import AFTER, BEFORE, killed, rows_in, twice
from cli.test_incident import open_one as open_incident
from cli.test_takeover import open_one as open_closing
from practices.orders import PDF
from upheld.cli.admin import gate_of, provider_of
from upheld.core.ids import PersonId
from upheld.core.settings import read_settings
from upheld.practices.accounts import domain


def customer(home: Path) -> PersonId:
    """Somebody of whom we know who they are and where they can be written to."""
    with gate_of(read_settings(home / "upheld.toml")).together() as transaction:
        person = transaction.enrol()
        who = {"name": "Ann Marked", "email": "ann@marked.example", "birth-date": "1990-02-01"}
        transaction.bring(person, who)
        domain.open_account(transaction, person, agreement_digest="0" * 64)
        return person


def acts(home: Path, person: PersonId) -> Counter[str]:
    """How often what was done about somebody."""
    gate = gate_of(read_settings(home / "upheld.toml"))
    return Counter(each.entry.action for each in gate.entries(person))


def job(home: Path, name: str) -> None:
    """Do a job once; after a kill no process waits for its lease."""
    provider = provider_of(read_settings(home / "upheld.toml"))
    (one,) = [each for each in provider.jobs if each.name == name]
    one.run(provider.gate.gate)


def test_each_step_of_a_takeover_that_is_killed_is_taken_whole_or_not_at_all(
    tmp_path: Path,
) -> None:
    """Opened, approved, carried out, handed over, confirmed and closed: once each."""
    home = provider_in(tmp_path, cleo="counsel", liv="legal", max="manager")
    (home / "deed.pdf").write_bytes(PDF)
    person = customer(home)
    key = str(pyrage.x25519.Identity.generate().to_public())
    run(home, "party", "add", "Spruce Point", "--role", "successor", "--by", "max")
    run(home, "party", "key", "Spruce Point", key, "--by", "max")
    before = rows_in(home)
    killed(partial(open_closing, home), BEFORE)
    assert rows_in(home) == before
    killed(partial(open_closing, home), AFTER)
    (closing,) = json.loads(run(home, "takeover", "list", "--json"))
    name = closing["id"]
    twice(home, "takeover", "approve", name, "--by", "liv", again="takeover-state")
    for when in (BEFORE, AFTER):
        killed(partial(job, home, "takeovers"), when)
    job(home, "takeovers")
    assert (acts(home, person)["transfer"], acts(home, person)["notify-transfer"]) == (1, 1)
    archive = home / "all.zip"
    write = ("takeover", "archive", name, "--by", "cleo", "--to", str(archive), "--json")
    killed(partial(run, home, *write), AFTER)
    assert not archive.exists()
    digest = json.loads(run(home, *write))["digest"]
    counted = ("--digest", digest, "--accounts", "1")
    twice(home, "takeover", "confirm", name, "--by", "cleo", *counted, again="takeover-state")
    for when in (BEFORE, AFTER):
        killed(partial(job, home, "takeovers"), when)
    job(home, "takeovers")
    assert acts(home, person)["add account"] == 1
    (closing,) = json.loads(run(home, "takeover", "list", "--json"))
    assert closing["state"] == "done"


def test_each_step_of_an_incident_that_is_killed_is_taken_whole_or_not_at_all(
    tmp_path: Path,
) -> None:
    """Opened, counted, written about, approved, told, noted and closed: one notice of each."""
    home = provider_in(tmp_path, pia="privacy", max="manager")
    person = customer(home)
    before = rows_in(home)
    killed(partial(open_incident, home), BEFORE)
    assert rows_in(home) == before
    killed(partial(open_incident, home), AFTER)
    (incident,) = json.loads(run(home, "incident", "list", "--json"))
    name = incident["id"]
    run(home, "incident", "count", name)
    for file, words in (("notice", "Change your password."), ("done", "It was locked.")):
        (home / f"{file}.txt").write_text(words)
    notice, remark = (("--text", str(home / f"{each}.txt")) for each in ("notice", "done"))
    twice(home, "incident", "draft", name, "--by", "pia", *notice, again="")
    turn = str(json.loads(run(home, "incident", "show", name, "--json"))["turn"])
    approve = ("incident", "approve", name, "--by", "max", "--turn", turn)
    twice(home, *approve, again="incident-state")
    for when in (BEFORE, AFTER):
        killed(partial(job, home, "incidents"), when)
    job(home, "incidents")
    assert acts(home, person)["notify-breach"] == 1
    twice(home, "incident", "note", name, "--by", "max", *remark, again="")
    close = ("incident", "close", name, "--by", "max", *remark)
    twice(home, *close, again="incident-state")
    shown = json.loads(run(home, "incident", "show", name, "--json"))
    assert (shown["state"], shown["notices"]["notified"]) == ("closed", 1)

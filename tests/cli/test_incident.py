"""`upheld incident`: opened, written about, approved by somebody else, listed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.homes import provider_in, run
from cli.test_termination import customer
from upheld.core.errors import UpheldError

TIMES = ("--since", "2020-01-01 10:00", "--until", "2020-02-01", "--discovery", "2020-02-02 08:00")


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Path:
    """A folder with a provider at which two may work on incidents, and another may not."""
    return provider_in(tmp_path, pia="privacy", max="manager", sam="support")


def open_one(home: Path, *words: str, by: str = "pia") -> str:
    """Open an incident about a table by the command; what it prints."""
    return run(home, "incident", "open", "table", "account", "--by", by, *TIMES, *words)


def test_an_incident_is_opened_written_about_and_approved_by_somebody_else(home: Path) -> None:
    """It says how many it touched and never whom; the approval is of the turn that was read."""
    person = customer(home)
    new = json.loads(open_one(home, "--json"))
    assert (new["state"], new["people"], new["notices"]["late"]) == ("counted", 1, 1)
    name = str(new["id"])
    write = ("incident", "draft", name, "--by", "pia", "--text", "-", "--json")
    turn = str(json.loads(run(home, *write, typed="Zo\u00eb's laptop is gone."))["turn"])
    approve = ("incident", "approve", name, "--turn")
    with pytest.raises(UpheldError) as caught:
        run(home, *approve, turn, "--by", "pia")
    assert caught.value.code == "incident-second-person"
    with pytest.raises(UpheldError) as caught:
        run(home, *approve, "1", "--by", "max")
    assert caught.value.code == "incident-state"
    assert "approved" in run(home, *approve, turn, "--by", "max")
    note = ("incident", "note", name, "--by", "max", "--text", "-")
    assert "Zo\u00eb's laptop" in run(home, *note, typed="Its disk was encrypted.")
    with pytest.raises(UpheldError) as caught:
        run(home, "incident", "close", name, "--by", "max", "--text", "-", typed="Over.")
    assert caught.value.code == "incident-owed"
    customer(home)
    again = json.loads(run(home, "incident", "count", name, "--json"))
    assert (again["state"], again["people"]) == ("approved", 2)
    lines = run(home, "incident", "list")
    assert f"{name}: approved" in lines
    assert person not in lines + run(home, "incident", "show", name)
    assert json.loads(run(home, "incident", "list", "--json"))[0]["id"] == name


def test_a_practice_alarm_is_opened_as_one_and_tells_how_long_each_step_took(home: Path) -> None:
    """It is marked wherever it is printed, and once it is approved it can be closed at once."""
    customer(home)
    new = json.loads(open_one(home, "--drill", "--json"))
    assert (new["drill"], new["people"], new["notices"]["waiting"]) == (True, 1, 1)
    assert new["deadline"].startswith("2020-02-05T08:00")
    name = str(new["id"])
    write = ("incident", "draft", name, "--by", "pia", "--text", "-", "--json")
    turn = str(json.loads(run(home, *write, typed="A disk is gone."))["turn"])
    text = run(home, "incident", "approve", name, "--turn", turn, "--by", "max")
    assert "a practice alarm: nobody is written to" in text
    assert "too late." in text
    run(home, "incident", "close", name, "--by", "max", "--text", "-", typed="Over.")
    assert f"{name}: PRACTICE ALARM, closed" in run(home, "incident", "list")
    record = json.loads(run(home, "incident", "show", name, "--json"))["record"]
    assert [each["step"] for each in record] == ["open", "count", "draft", "approve", "close"]
    assert all(each["before_deadline"] < 0 <= each["took"] for each in record)


def test_an_incident_of_a_span_of_time_has_no_name(home: Path) -> None:
    """It is opened by its kind alone, and one that is given a name all the same is refused."""
    customer(home)
    opening = ("incident", "open", "time", "--by", "pia", *TIMES, "--json")
    new = json.loads(run(home, *opening))
    assert (new["kind"], new["people"]) == ("time", 0)  # nobody was here yet
    with pytest.raises(UpheldError) as caught:
        run(home, "incident", "open", "time", "sam", "--by", "pia", *TIMES)
    assert caught.value.code == "incident-subject"


@pytest.mark.parametrize(
    ("words", "by", "code"),
    [
        ((), "sam", "incident-role"),
        (("--until", "2019-01-01"), "pia", "incident-times"),
        (("--discovery", "soon"), "pia", "usage"),
    ],
)
def test_what_cannot_be_opened_is_refused_with_a_code(
    home: Path, words: tuple[str, ...], by: str, code: str
) -> None:
    """Another role, a time that ends before it begins, and no moment; nothing is opened."""
    with pytest.raises(UpheldError) as caught:
        open_one(home, *words, by=by)
    assert caught.value.code == code
    assert json.loads(run(home, "incident", "list", "--json")) == []

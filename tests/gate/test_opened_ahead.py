"""Whoever is opened ahead by a second process is what the act itself would have opened."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import text

from processes import child, wait_until
from upheld.core.ids import PersonId
from upheld.gate.act.request import Act, ActResult
from upheld.gate.erasure.erase import erase
from upheld.gate.gate import Gate
from upheld.vault import opened_ahead, people
from upheld.vault.envelope import SealError
from upheld.vault.keyring import Keyring
from upheld.vault.opened_ahead import OpenedAhead

FIELDS: Final = ("birth-date", "gender", "zip")
USE: Final = Act(action="use", data=FIELDS, purpose="advertising")
READ: Final = Act(action="use", data=("zip",), purpose="personalisation")
BORN: Final = ("1990-02-01", "1961-12-31", "2016-05-05", "")
SIZE: Final = 60


@pytest.fixture(autouse=True)
def _always(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few they are, and on however many processors."""
    monkeypatch.setattr(opened_ahead, "is_worth_it", lambda _: True)


@pytest.fixture
def crowd(gate: Gate) -> list[PersonId]:
    """People of some ages and of none, some of whom opted out, in the order of their ids."""
    chance, some = random.Random(7), []  # noqa: S311 - the same in each run
    with gate.together() as transaction:
        for number in range(SIZE):
            person, born = transaction.enrol(), chance.choice(BORN)
            words = {"gender": chance.choice(["female", "male"]), "zip": f"98{number:03}"}
            transaction.bring(person, words | ({"birth-date": born} if born else {}))
            if number % 5 == 0:
                transaction.record(person, "opt-out", fact="advertising-opt-out")
            some.append(person)
    return sorted(some)


def words_of(outcomes: dict[PersonId, Any]) -> dict[PersonId, Any]:
    """What outcomes hand out, or None where the act is refused."""
    return {
        person: {f: (v.value, v.origin, v.at, v.revision) for f, v in its.values.items()}
        if isinstance(its, ActResult)
        else None
        for person, its in outcomes.items()
    }


def naively(gate: Gate, some: list[PersonId]) -> dict[PersonId, Any]:
    """What is handed out of each of whom both acts are allowed, one by one."""
    with gate.together() as transaction:
        both = [e for e in some if all(transaction.peek(e, a).allowed for a in (USE, READ))]
        return words_of({each: transaction.act(USE, each) for each in both})


def swept(gate: Gate, ahead: OpenedAhead, some: list[PersonId]) -> dict[PersonId, Any]:
    """What is handed out of those who are opened ahead."""
    with gate.together(ahead) as transaction:
        return words_of(transaction.sweep(USE, some, only_if=(USE, READ)))


def opening(gate: Gate) -> OpenedAhead:
    """What opens everybody ahead for both acts."""
    return gate.opening_ahead((USE, READ))


def test_what_is_opened_ahead_is_what_each_act_alone_would_open(
    gate: Gate, crowd: list[PersonId], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of whoever is there in full, of no age, a minor or opted out; nobody is opened twice."""
    expected = naively(gate, crowd)
    assert 5 < sum(each is not None for each in expected.values()) < SIZE
    with opening(gate) as ahead:
        ahead.wait("", SIZE)
        assert ahead.fields == {*FIELDS}
        with monkeypatch.context() as patch:
            patch.setattr(people, "person_from_row", _raise)
            assert swept(gate, ahead, crowd) == expected


def _raise(*_: object) -> None:
    raise AssertionError("somebody was opened who is open already")


def test_whoever_changed_after_they_were_opened_is_read_as_they_are(
    gate: Gate, crowd: list[PersonId]
) -> None:
    """A new value, an opt-out, an erasure, somebody new: as if nothing had been opened ahead."""
    allowed = [e for e, its in naively(gate, crowd).items() if its]
    with opening(gate) as ahead:
        ahead.wait("", SIZE)
        changed, out, gone = allowed[:3]
        with gate.together() as transaction:
            transaction.bring(changed, {"zip": "10001"})
        gate.record(out, "opt-out", fact="advertising-opt-out")
        erase(gate, [gone], now=True)
        new = gate.enrol()
        with gate.together() as transaction:
            transaction.bring(new, {"birth-date": "1980-01-01", "zip": "10002"})
        some = [each for each in [*crowd, new] if each != gone]
        result = swept(gate, ahead, some)
        assert result == naively(gate, some)
        assert result[changed]["zip"][0] == "10001"
        assert out not in result
        assert result[new]["zip"][0] == "10002"


def test_a_row_that_somebody_changed_without_the_keys_is_found_all_the_same(
    gate: Gate, crowd: list[PersonId]
) -> None:
    """A list of what is held, a key, a value: before they are opened ahead, or after."""
    allowed = [e for e, its in naively(gate, crowd).items() if its]
    statements = (
        "UPDATE person SET holdings = :other WHERE person_id = :person",
        "UPDATE person_key SET wrapped_key = :other WHERE person_id = :person",
        "UPDATE value SET sealed = :other WHERE person_id = :person",
    )
    for number, statement in enumerate(statements):
        person = allowed[number]
        with opening(gate) as ahead:
            if number == 2:
                _change(gate, statement, person)
            ahead.wait("", SIZE)
            if number != 2:
                _change(gate, statement, person)
            with pytest.raises(SealError):
                swept(gate, ahead, [person])


def _change(gate: Gate, statement: str, person: PersonId) -> None:
    with gate.engine.begin() as connection:
        connection.execute(text(statement), {"other": b"\x01" + bytes(80), "person": person})


@pytest.mark.parametrize("moment", ["at once", "later"])
def test_where_the_other_process_is_killed_everybody_is_opened_here(
    gate: Gate, crowd: list[PersonId], moment: str
) -> None:
    """Before it gave anybody, or afterwards."""
    with opening(gate) as ahead:
        assert ahead.helper is not None
        if moment == "later":
            ahead.wait("", SIZE // 2)
        if ahead.helper is not None:
            ahead.helper.kill()
        ahead.wait("", 10 * SIZE)
        assert ahead.helper is None
        assert swept(gate, ahead, crowd) == naively(gate, crowd)


def test_where_the_other_process_stands_still_or_cannot_start_everybody_is_opened_here(
    gate: Gate, crowd: list[PersonId], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not waited for, and is ended."""
    expected = naively(gate, crowd)
    monkeypatch.setattr(opened_ahead, "WAIT_MAX", 0.1)
    with opening(gate) as ahead:
        assert ahead.helper is not None
        os.kill(ahead.helper.pid, signal.SIGSTOP)
        ahead.wait("", SIZE)
        assert ahead.helper is None
        assert swept(gate, ahead, crowd) == expected
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with opening(gate) as ahead:
        assert ahead.helper is None
        ahead.wait("", SIZE)
        assert swept(gate, ahead, crowd) == expected


def test_the_other_process_has_no_secret_in_its_arguments_or_its_environment(
    gate: Gate, crowd: list[PersonId], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it needs comes through its pipe; what it is told and gives is not printed."""
    monkeypatch.setenv("UPHELD_SECRET", "marked-secret")
    with opening(gate) as ahead:
        assert ahead.helper is not None
        folder = Path(f"/proc/{ahead.helper.pid}")
        if not folder.exists():
            pytest.skip("this system does not show what a process was started with")
        shown = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        assert not any(word in shown for word in (b"UPHELD", b"sqlite", b"postgres"))
        ahead.wait("", SIZE)
        its = ahead._there[crowd[0]]
        assert repr(its) == f"OpenedPerson({crowd[0]!r})"


def test_a_key_of_an_epoch_that_was_destroyed_meanwhile_opens_nobody(
    gate: Gate, keyring: Keyring, crowd: list[PersonId]
) -> None:
    """Though the other process had it: what is left of somebody under it is nobody's to read."""
    with opening(gate) as ahead:
        ahead.wait("", SIZE)
        keyring.begin_epoch()
        keyring.destroy_epoch(1)
        gate.context.keyring.refresh()
        with gate.together(ahead) as transaction, pytest.raises(Exception, match="epoch 1"):
            transaction.sweep(USE, crowd)


def test_a_process_whose_parent_was_killed_ends(tmp_path: Path) -> None:
    """Nobody reads what it writes any more."""
    script = tmp_path / "parent.py"
    script.write_text(
        "import sys, time\n"
        "from upheld.core.helper_process import HelperProcess\n"
        "from upheld.vault.opened_ahead import CHILD\n"
        "helper = HelperProcess(CHILD)\n"
        "print(helper.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with child([sys.executable, str(script)], stdout=subprocess.PIPE, env=path) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    wait_until(lambda: not _is_running(pid))


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"

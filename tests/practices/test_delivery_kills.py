"""A process killed between deciding and delivering: what left is known, and nobody goes twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from empty import empty_database
from practices.conftest import House
from practices.test_partner_pulls import API, EMAILS, opened, some
from processes import PATIENCE, child
from upheld.practice import deliveries
from upheld.practices.agreements import pulls

TESTS = Path(__file__).parents[1]
LATER = timedelta(minutes=1)
SERVER = """
import os, signal, sys
url, folder, tests, when = sys.argv[1:]
sys.path.insert(0, tests)
from contextlib import contextmanager
from pathlib import Path
import uvicorn
import upheld
from practices.conftest import START, House, SetClock
from upheld.app.provider import PRACTICES, provide
from upheld.core.settings import Settings
from upheld.demo import sample_policy
from upheld.gate.async_gate import AsyncGate, open_gate_sync
from upheld.practice import deliveries
from upheld.practices.agreements import partner_api, pulls
from upheld.vault.keyring import KeyFile, Keyring
from datetime import timedelta

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

policy = upheld.load(sample_policy())
keys = Keyring.open(Path(folder) / "keyring", KeyFile(Path(folder) / "master"))
gate = open_gate_sync(url, policy=policy, keys=keys)
clock = SetClock(START + timedelta(minutes=1))
gate.context = gate.context.by(clock)
pulls.PAGE_PEOPLE = 2
assert pulls._require_still_covered
assert partner_api.json_answer
if when == "before":
    pulls._require_still_covered = die
else:
    partner_api.json_answer = die
house = House(provide(AsyncGate(gate), Settings(database=url), PRACTICES), policy, clock)
server = uvicorn.Server(uvicorn.Config(house.app, port=0, log_level="error"))
startup = server.startup

async def told(*rest, **more):
    await startup(*rest, **more)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)

server.startup = told
server.run()
"""


@pytest.fixture(params=["sqlite"])
def database_url(tmp_path: Path) -> str:
    """What a killed process leaves is the same on every database: what was committed."""
    return empty_database(tmp_path)


def words(house: House, folder: Path, when: str) -> list[str]:
    """The command of a process with the same database and keys."""
    url = house.provider.settings.database
    return [sys.executable, "-c", SERVER, url, str(folder), str(TESTS), when]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_server_that_is_killed_in_a_page_gives_nobody_twice(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Before its commit nothing has left; after it the page is not confirmed, and comes again."""
    monkeypatch.setattr(pulls, "PAGE_PEOPLE", 2)
    people = some(house)
    program, _, _ = opened(house)
    pull = program.begin()
    with child(words(house, tmp_path, when), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        address = f"http://127.0.0.1:{process.stdout.readline().strip()}{API}/pulls/{pull}/page"
        bearer = {"authorization": f"Bearer {program.token}"}
        with pytest.raises(httpx2.TransportError):
            httpx2.post(address, data={"page": "1"}, headers=bearer, timeout=PATIENCE)
        assert process.wait(PATIENCE) == -signal.SIGKILL
    house.clock.moved += 2 * LATER
    left = house.do(lambda t: deliveries.latest(t.tables))
    assert [each.state for each in left] == ([] if when == "before" else ["waiting"])
    items = []
    for number in (1, 2, 3):
        status, answer = program.page(pull, number)
        assert status == 200, answer
        items += answer["items"]
        if number == 1:
            now = house.do(lambda t: deliveries.latest(t.tables))
            assert len(now) == 1
            assert {each.delivery_id for each in left} <= {now[0].delivery_id}
    assert Counter(each["values"]["email"] for each in items) == Counter(EMAILS)
    now = house.do(lambda t: deliveries.latest(t.tables))
    assert [each.state for each in now] == ["done", "done"]
    for each in people:
        acts = [one.entry.action for one in house.provider.gate.gate.entries(each)]
        assert acts.count("share") == 1

"""A merger by command, killed three times: each account goes once, and the other end counts it."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyrage

from cli.homes import provider_in, run
from practices.orders import PDF
from practices.test_takeover_imports import CLAUSE
from sizes import size
from upheld.cli.admin import gate_of, provider_of
from upheld.core.settings import read_settings
from upheld.demo import sample_policy
from upheld.gate.gate import Gate
from upheld.practices.takeovers import transfers
from upheld.practices.takeovers.closings import Closings
from upheld.practices.takeovers.imports import ArchiveImport
from upheld.practices.takeovers.tables import takeover_arrival, takeover_parcel

ACCOUNTS = size("accounts of a merger that is killed three times", short=60, long=10_000)
TOGETHER = 500  # people in one transaction of what is set up
LIVES = ACCOUNTS * 9 // 10  # accounts after which a process kills itself
BEFORE_IT = "We may combine what we hold about you with what"


def test_a_merger_that_is_killed_ends_with_one_of_each_account_at_the_other_provider(
    tmp_path: Path,
) -> None:
    """Killed as it covers, transfers and tells them, and as they are taken in."""
    home, other = first_provider(tmp_path), second_provider(tmp_path)
    key, archive = tmp_path / "key.txt", tmp_path / "all.zip"
    name = closing(home, key)
    for owner, step in (
        (Closings, "insert_account"),
        (transfers, "parcel_of"),
        (transfers, "notice_text"),
    ):
        killed(partial(carry_on, home), owner, step)
    carry_on(home)
    gate = gate_of(read_settings(home / "upheld.toml"))
    with gate.look() as tables:
        parcels = tables.select(takeover_parcel)
    assert len({each.person_id for each in parcels}) == len(parcels) == ACCOUNTS
    assert acts(gate) == {"transfer": ACCOUNTS, "notify-transfer": ACCOUNTS}
    words = ("takeover", "archive", name, "--by", "cleo", "--to", str(archive), "--json")
    digest = str(json.loads(run(home, *words))["digest"])
    told = ("--digest", digest, "--identity", str(key))
    bring = ("takeover", "import", str(archive), *told, "--by", "cleo", "--from", "Larch Valley")
    killed(partial(run, other, *bring), ArchiveImport, "_take_in")
    done = json.loads(run(other, *bring, "--json"))
    assert (done["accounts"], done["digest"]) == (ACCOUNTS, digest)
    gate = gate_of(read_settings(other / "upheld.toml"))
    with gate.look() as tables:
        assert len(tables.select(takeover_arrival)) == ACCOUNTS
    confirm = ("takeover", "confirm", name, "--by", "cleo", "--digest", done["digest"])
    assert "done" in run(home, *confirm, "--accounts", str(done["accounts"]))


def first_provider(folder: Path) -> Path:
    """A provider with customers, two lawyers and a manager."""
    home = folder / "first"
    home.mkdir()
    provider_in(home, cleo="counsel", liv="legal", max="manager")
    (home / "deed.pdf").write_bytes(PDF)
    gate = gate_of(read_settings(home / "upheld.toml"))
    for first in range(0, ACCOUNTS, TOGETHER):
        with gate.together() as transaction:
            for number in range(first, min(first + TOGETHER, ACCOUNTS)):
                values = {"name": "Ann Marked", "email": f"{number}@marked.example"}
                transaction.bring(transaction.enrol(), {**values, "birth-date": "1990-02-01"})
    return home


def second_provider(folder: Path) -> Path:
    """A provider whose policy lets in who somebody is from a company on its register."""
    home = folder / "second"
    home.mkdir()
    head, mark, tail = sample_policy().read_text().partition(BEFORE_IT)
    provider_in(home, policy_text=head + CLAUSE + mark + tail, cleo="counsel", max="manager")
    run(home, "party", "add", "Larch Valley", "--role", "business-partner", "--by", "max")
    return home


def closing(home: Path, key: Path) -> str:
    """A merger that is signed, approved and in effect; its id."""
    identity = pyrage.x25519.Identity.generate()
    key.write_text(str(identity))
    run(home, "party", "add", "Spruce Point", "--role", "successor", "--by", "max")
    run(home, "party", "key", "Spruce Point", str(identity.to_public()), "--by", "max")
    signed = ("--reference", "Deed 7", "--effective", "2020-02-01")
    document = ("--document", str(home / "deed.pdf"), "--by", "cleo", "--json")
    opened = run(home, "takeover", "open", "merger", "Spruce Point", *signed, *document)
    name = str(json.loads(opened)["id"])
    run(home, "takeover", "approve", name, "--by", "liv")
    return name


def carry_on(home: Path) -> None:
    """Do the job that carries closings out; after a kill no process waits for its lease."""
    provider = provider_of(read_settings(home / "upheld.toml"))
    (job,) = [each for each in provider.jobs if each.name == "takeovers"]
    job.run(provider.gate.gate)


def killed(work: Callable[[], object], owner: Any, step: str) -> None:
    """Do some work in a process that kills itself before a step of it about a late account."""
    child = os.fork()
    if child == 0:
        try:
            setattr(owner, step, _dying(getattr(owner, step)))
            work()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), (step, status)
    assert os.WTERMSIG(status) == signal.SIGKILL


def _dying(whole: Callable[..., Any]) -> Callable[..., Any]:
    lives = [LIVES]

    def step(*words: Any, **more: Any) -> Any:
        lives[0] -= 1
        if lives[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(*words, **more)

    return step


def acts(gate: Gate) -> Counter[str]:
    """How many transfers and notices of them the ledger has."""
    with gate.together() as transaction:
        people = transaction.customers_after("", ACCOUNTS)
    entries = (each.entry for person in people for each in gate.entries(person))
    allowed = Counter(each.action for each in entries if each.outcome == "allow")
    return Counter({each: allowed[each] for each in ("transfer", "notify-transfer")})

"""A merger by command whose processes are killed: three times at each end, by SIGKILL.

A process dies in the middle of a lot, or of an account that is taken in, so that whatever is not
in one transaction is in halves then.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyrage

from cli.homes import provider_in, run
from cli.kills import die, dying_child
from practices.orders import PDF
from practices.test_takeover_imports import CLAUSE
from upheld.cli.admin import gate_of, provider_of
from upheld.core.settings import read_settings
from upheld.demo import sample_policy
from upheld.gate.gate import Gate
from upheld.gate.operations.selfcheck import selfcheck
from upheld.practice import message_copies
from upheld.practices.takeovers import coverage, imports, transfers
from upheld.practices.takeovers.closings import Closings
from upheld.practices.takeovers.tables import takeover_arrival, takeover_parcel

TOGETHER: Final = 500  # people in one transaction of what is set up
BEFORE_IT: Final = "We may combine what we hold about you with what"
LOTS: Final = 6  # into which few accounts are divided, so that a death is between two of them


class Merger(NamedTuple):
    """What came of a merger in which processes were killed."""

    parcels: int  # accounts that were encrypted for the successor
    acts: Counter[str]  # transfers, and notices of them, in the accountings of customers
    most: int  # of any one customer's transfers or notices
    arrivals: int  # accounts that the successor has
    addresses: Counter[int]  # there: how many addresses are how many customers'
    confirmed: bool  # whether the first provider takes the successor's count and digest
    problems: int  # that a check of everything finds at either end
    seconds: dict[str, float]  # by part, with what was begun again


def merger(
    folder: Path, accounts: int, tell: Callable[[str, float], None] = lambda *_: None
) -> Merger:
    """Let all accounts go over by processes that die six times, and by some that live.

    Each part that is done is told, with the seconds that passed.
    """
    seconds: dict[str, float] = {}
    timed = partial(_timed, seconds, tell)
    with timed("accounts made up"):
        home, other = first_provider(folder, accounts), second_provider(folder)
    key, archive = folder / "key.txt", folder / "all.zip"
    name = closing(home, key)
    for part, owner, step in (
        ("covered, but for a tenth", Closings, "new_account"),
        ("transferred, but for a tenth", transfers, "parcel_of"),
        ("told, but for a tenth", message_copies, "_new"),
    ):
        with timed(part):
            killed(partial(carry_on, home), owner, step, accounts * 9 // 10, accounts)
    with timed("the rest of them told"):
        carry_on(home)
    gate = gate_of(read_settings(home / "upheld.toml"))
    with gate.look() as tables:
        parcels = tables.select_unchecked(takeover_parcel, ["person_id"])
    with timed("accountings read"):
        by_person = acts(gate, accounts)
    with timed("archive"):
        words = ("takeover", "archive", name, "--by", "cleo", "--to", str(archive), "--json")
        digest = str(json.loads(run(home, *words))["digest"])
    with timed("import"):
        done = take_in(other, archive, digest, key, accounts)
    counted = ("--digest", done["digest"], "--accounts", str(done["accounts"]))
    with timed("close"):
        confirm = run(home, "takeover", "confirm", name, "--by", "cleo", *counted)
        carry_on(home)
    theirs = gate_of(read_settings(other / "upheld.toml"))
    with theirs.together() as transaction:
        arrivals = transaction.tables.select_unchecked(takeover_arrival, ["account"])
        by_address = transaction.find_each("email", emails(accounts))
    with timed("check of everything at both ends"):
        problems = sum(map(_problems, (gate, theirs)))
    return Merger(
        parcels=len(parcels),
        acts=Counter(action for _, action in by_person.elements()),
        most=max(by_person.values()),
        arrivals=len(arrivals),
        addresses=Counter(map(len, by_address.values())),
        confirmed="done" in confirm and done["digest"] == digest,
        problems=problems,
        seconds=seconds,
    )


def take_in(home: Path, archive: Path, digest: str, key: Path, accounts: int) -> dict[str, Any]:
    """Take an archive in by three processes that die and one that lives; what that one says."""
    whole = ("takeover", "import", str(archive), "--digest", digest, "--identity", str(key))
    bring = (*whole, "--by", "cleo", "--from", "Larch Valley")
    for _ in range(3):
        killed(partial(run, home, *bring), imports, "proof_of", max(1, accounts // 4), accounts)
    answer: dict[str, Any] = json.loads(run(home, *bring, "--json"))
    return answer


@contextmanager
def _timed(
    seconds: dict[str, float], tell: Callable[[str, float], None], part: str
) -> Iterator[None]:
    start = time.monotonic()
    yield
    seconds[part] = time.monotonic() - start
    tell(part, seconds[part])


def emails(accounts: int) -> list[str]:
    """The addresses of so many customers."""
    return [f"{number}@marked.example" for number in range(accounts)]


def first_provider(folder: Path, accounts: int) -> Path:
    """A provider with customers, two lawyers and a manager."""
    home = folder / "first"
    home.mkdir()
    provider_in(home, cleo="counsel", liv="legal", max="manager")
    (home / "deed.pdf").write_bytes(PDF)
    gate, addresses = gate_of(read_settings(home / "upheld.toml")), emails(accounts)
    for first in range(0, accounts, TOGETHER):
        with gate.together() as transaction:
            for each in addresses[first : first + TOGETHER]:
                values = {"name": "Ann Marked", "email": each, "birth-date": "1990-02-01"}
                transaction.bring(transaction.enrol(), values)
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


def killed(work: Callable[[], object], owner: Any, step: str, lives: int, accounts: int) -> None:
    """Do some work in a process that kills itself before its so many-th step of a kind."""
    with dying_child() as is_child:
        if is_child:
            for each in (coverage, transfers, imports):
                vars(each)["BATCH"] = max(1, min(each.BATCH, accounts // LOTS))
            setattr(owner, step, _dying(getattr(owner, step), lives))
            work()


def _dying(whole: Callable[..., Any], lives: int) -> Callable[..., Any]:
    left = [lives]

    def step(*words: Any, **more: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            die()
        return whole(*words, **more)

    return step


def acts(gate: Gate, accounts: int) -> Counter[tuple[str, str]]:
    """How often who was transferred, and told so, by their own entries."""
    with gate.together() as transaction:
        people = transaction.customers_after("", accounts)
    allowed: Counter[tuple[str, str]] = Counter()
    for person_id in people:
        for each in gate.entries(person_id):
            if each.entry.action in {"transfer", "notify-transfer"}:
                allowed[person_id, each.entry.action] += each.entry.outcome == "allow"
    return allowed


def _problems(gate: Gate) -> int:
    return len(selfcheck(gate.engine, gate.context.keyring).problems)

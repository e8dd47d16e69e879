"""What the gate's pieces of work cost in this checkout, beside another one, by turns.

    python bench/against.py ../before [--postgresql] [--rounds 15] [--instructions]

The other is a folder with a checkout of an earlier commit (`git worktree add --detach`), whose
sample policy both decide by. Each is a process of its own on a database of its own, in memory if
the machine has /dev/shm. Prints a Markdown table for docs/benchmarks.md: the least time of the
processor of both, in microseconds, and how much of the other's time this one takes, as the quotient
of the least and as the median of the rounds; on PostgreSQL also by the clock, since the server
works besides. With `--instructions` it counts what each asks of the interpreter, which no neighbour
disturbs.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import upheld
from upheld.vault.keyring import Keyring, Passphrase

HERE = Path(__file__).resolve().parents[1]
MEMORY = Path("/dev/shm")  # noqa: S108 - a disk in memory, in which a folder of ours is made
SIGN_UP = {"source": "customer", "occasion": "registration"}
TIMES = {  # in a round
    "a lone act": 100,
    "an act with its proofs": 80,
    "64 acts together": 4,
    "one act on 50 people": 6,
    "enrol": 60,
    "store a value": 60,
    "store an address": 30,
    "enrol and keep a record": 40,
    "enrol, keep a record and withdraw it": 30,
    "enrol and keep a record by which something is owed": 20,
    "enrol, keep such a record and withdraw it": 12,
    "store a value and delete it": 40,
    "bring 5 people in": 6,
    "find somebody by their address": 80,
    "a person's entries": 10,
}


class Pieces:
    """The pieces of work, on a database that has some customers; by what both versions offer."""

    def __init__(self, url: str, policy: Path, folder: Path) -> None:
        engine = _either("database.engines", "core.database").open_database(url)
        _either("database.schema", "core.schema").migrate(engine)
        keyring = Keyring.create(folder / "keys", Passphrase("seven plain words in a row"))
        self.gate: Any = import_module("upheld.gate.gate").Gate(
            engine, upheld.load(policy), keyring
        )
        self.numbers = count()
        self.people = [self.customer() for _ in range(50)]
        self.one, self.other, self.third, self.fourth = (self.customer() for _ in range(4))

    def customer(self) -> Any:
        """Somebody who has a service."""
        person = self.gate.enrol()
        self.gate.store(person, {"birth-date": "1990-02-01"}, **SIGN_UP)
        self.gate.store(person, self.address(person) | {"name": "Ann"}, **SIGN_UP)
        self.gate.record(person, "service-order", fact="has-service")
        return person

    def address(self, person: Any = "") -> dict[str, str]:
        """An address of somebody's, or a new one."""
        return {"email": f"{person[:8] or next(self.numbers)}@customer.example"}

    def share(self) -> None:
        """Ask for an act that rests on facts; it is refused, with its entry."""
        words = {"recipient": "collection-agent", "purpose": "debt-collection"}
        try:
            self.gate.share(self.one, ["name"], party="acme", occasion="other", **words)
        except upheld.Refused:
            return

    def keep(self, person: Any, kind: str, fact: str, *, withdraw: bool = False) -> None:
        """Keep a record of somebody, and withdraw it if that is said."""
        record = self.gate.record(person, kind, fact=fact)
        if withdraw:
            self.gate.withdraw(person, record)

    def use_together(self) -> None:
        """Do 64 acts in one transaction."""
        work = lambda transaction: transaction.act(  # noqa: E731 - what a batch is given
            _act("use", ("email",), "billing"), self.one
        )
        self.gate.batch([work] * 64)

    def store(self, person: Any, values: dict[str, str]) -> None:
        """Store values of somebody."""
        self.gate.store(person, values, **SIGN_UP)

    def store_and_drop(self) -> None:
        """Store a value and delete it."""
        self.store(self.fourth, {"name": f"Ann {next(self.numbers)}"})
        self.gate.drop(self.fourth, ["name"])

    def bring(self) -> None:
        """Take five people in whom the provider had before."""
        with self.gate.together() as transaction:
            for _ in range(5):
                person = transaction.enrol()
                values = {"name": "Ann Lee", "phone": "+1 555 010 0100", "zip": "98101"}
                transaction.bring(person, self.address() | values)
                transaction.record(person, "service-order", fact="has-service")

    def by_name(self) -> dict[str, Callable[[], object]]:
        """What each piece of work is called, and what does it."""
        gate, service = self.gate, ("service-order", "has-service")
        request = ("request", "access-requested")
        return {
            "a lone act": lambda: gate.use(self.one, ["email"], purpose="billing"),
            "an act with its proofs": self.share,
            "64 acts together": self.use_together,
            "one act on 50 people": lambda: gate.sweep(
                "use", self.people, ["email"], purpose="billing"
            ),
            "enrol": gate.enrol,
            "store a value": lambda: self.store(self.other, {"name": f"A {next(self.numbers)}"}),
            "store an address": lambda: self.store(self.other, self.address()),
            "enrol and keep a record": lambda: self.keep(gate.enrol(), *service),
            "enrol, keep a record and withdraw it": lambda: self.keep(
                gate.enrol(), *service, withdraw=True
            ),
            "enrol and keep a record by which something is owed": lambda: self.keep(
                gate.enrol(), *request
            ),
            "enrol, keep such a record and withdraw it": lambda: self.keep(
                gate.enrol(), *request, withdraw=True
            ),
            "store a value and delete it": self.store_and_drop,
            "bring 5 people in": self.bring,
            "find somebody by their address": lambda: gate.find(
                "email", self.address(self.one)["email"]
            ),
            "a person's entries": lambda: gate.entries(self.people[0]),
        }


def _either(name: str, earlier: str) -> Any:
    """A module by the name that it has, or had before the rooms."""
    try:
        return import_module(f"upheld.{name}")
    except ModuleNotFoundError:
        return import_module(f"upheld.{earlier}")


def _act(action: str, data: tuple[str, ...], purpose: str) -> Any:
    return _either("gate.act.request", "gate.request").Act(
        action=action, data=data, purpose=purpose
    )


def instructions(work: Callable[[], object]) -> int:
    """How many instructions of the interpreter a piece of work asks for."""
    total = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal total
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        total += event == "opcode"
        return trace

    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(None)
    return total


def serve(url: str, policy: Path) -> None:
    """Do what each line of the input asks: how often, and which piece; answer with its cost."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        pieces = Pieces(url or f"sqlite:///{name}/upheld.db", policy, Path(name)).by_name()
        for work in pieces.values():  # once, so that all is loaded and prepared
            work()
        print("ready", flush=True)
        for line in sys.stdin:
            times, _, piece = line.strip().partition(" ")
            work, number = pieces[piece], int(times)
            if not number:
                print(instructions(work), instructions(work), flush=True)
                continue
            gc.collect()
            cpu, clock = time.process_time_ns(), time.perf_counter_ns()
            for _ in range(number):
                work()
            cpu, clock = time.process_time_ns() - cpu, time.perf_counter_ns() - clock
            print(cpu / number / 1e3, clock / number / 1e3, flush=True)


class Version(NamedTuple):
    """A checkout at work in a process of its own."""

    process: subprocess.Popen[str]

    @classmethod
    def start(cls, checkout: Path, url: str, policy: Path) -> Version:
        """Begin one, on a database of its own."""
        command = [sys.executable, __file__, "--serve", url, str(policy)]
        environment = os.environ | {"PYTHONPATH": str(checkout / "src"), "PYTHONHASHSEED": "1"}
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        return cls(process)

    def answer(self, line: str = "") -> str:
        """What it answers to a line, or as it begins."""
        if line and self.process.stdin is not None:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        if self.process.stdout is None or not (text := self.process.stdout.readline()):
            raise RuntimeError("a version of upheld stopped")
        return text

    def costs(self, times: int, piece: str) -> tuple[float, float]:
        """The time of the processor, and by the clock, in microseconds; or instructions, twice."""
        one, other = self.answer(f"{times} {piece}").split()
        return float(one), float(other)


def compare(versions: list[Version], piece: str, rounds: int, *, clock: bool) -> str:
    """A line of the table: the other version and this one by turns."""
    if not rounds:
        first, last = (min(each.costs(0, piece)) for each in versions)
        return f"| {piece} | {first:,.0f} | {last:,.0f} | {last / first:.2f}× |"
    costs: list[list[tuple[float, float]]] = [[], []]
    for number in range(rounds):
        for at in (0, 1) if number % 2 else (1, 0):
            costs[at].append(versions[at].costs(TIMES[piece], piece))
    quotients = []
    for column in (0, 1) if clock else (0,):
        before, now = ([each[column] for each in some] for some in costs)
        median = statistics.median(a / b for a, b in zip(now, before, strict=True))
        quotients.append(f"{min(now) / min(before):.2f}× | {median:.2f}×")
    least = " | ".join(f"{min(each[0] for each in some):,.0f} µs" for some in costs)
    return f"| {piece} | {least} | {' | '.join(quotients)} |"


def main() -> None:
    """Compare the two."""
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], Path(sys.argv[3]))
        return
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("before", type=Path, help="a checkout of what it is compared with")
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--instructions", action="store_true")
    parser.add_argument("--only", choices=TIMES, action="append")
    options = parser.parse_args()
    policy = options.before.resolve() / "policies" / "larch-valley.md"
    with ExitStack() as stack:
        urls = _databases(stack) if options.postgresql else ["", ""]
        checkouts = [options.before.resolve(), HERE]
        versions = [Version.start(*each, policy) for each in zip(checkouts, urls, strict=True)]
        for each in versions:
            stack.callback(each.process.kill)
            each.answer()
        rounds = 0 if options.instructions else options.rounds
        more = " clock | median |" if options.postgresql else ""
        if rounds:
            print(f"| work | before | now | least | median |{more}")
            print("|---|---|---|---|---|" + ("---|---|" if more else ""))
        else:
            print("| work | before | now | now / before |\n|---|---|---|---|")
        for piece in options.only or TIMES:
            print(compare(versions, piece, rounds, clock=options.postgresql), flush=True)


def _databases(stack: ExitStack) -> list[str]:
    """Two databases of a PostgreSQL server of the tests' own, which ends with the stack."""
    sys.path.insert(0, str(HERE / "tests"))
    postgres = import_module("postgres")
    programs = postgres.programs()
    if programs is None:
        raise SystemExit("PostgreSQL is not installed")
    address = stack.enter_context(postgres.server(programs))
    return [postgres.another(f"{address}postgres", name) for name in ("before", "now")]


if __name__ == "__main__":
    main()

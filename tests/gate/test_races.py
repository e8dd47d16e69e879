"""A permission that is taken back while others act on it: none of them acts after it."""

from __future__ import annotations

import threading

import upheld
from gate.conftest import customer
from gate.test_gate import OFFERS, TO_PARTNER
from sizes import size
from tally import tried
from upheld.database.engines import open_database
from upheld.gate.act.request import Refused
from upheld.gate.gate import Gate
from upheld.vault.keyring import Keyring

WITHDRAWALS = size("withdrawals raced against three who act, on each database", short=4, long=240)


def test_whatever_is_taken_back_is_acted_on_by_nobody_afterwards(
    database_url: str, gate: Gate, policy: upheld.Policy, keyring: Keyring
) -> None:
    """Three others share without a pause: no entry of theirs comes after that of the withdrawal."""
    person = customer(gate)
    others = [Gate(open_database(database_url), policy, keyring, gate.context.clock) for _ in "123"]
    late = 0
    for _ in range(WITHDRAWALS):
        record = gate.record(person, "consent", about=OFFERS)
        shared: list[int] = []
        begun, over = threading.Semaphore(0), threading.Event()

        def share(
            own: Gate, shared: list[int], begun: threading.Semaphore, over: threading.Event
        ) -> None:
            while not over.is_set():
                try:
                    shared.append(own.share(person, ["email"], **TO_PARTNER).entry)
                except Refused:
                    over.wait(0.001)
                begun.release()

        running = [
            threading.Thread(target=share, args=(each, shared, begun, over)) for each in others
        ]
        for each in running:
            each.start()
        for _ in others:
            begun.acquire()
        gate.withdraw(person, record)
        at = max(
            stored.number
            for stored in gate.entries(person)
            if record in stored.entry.evidence and stored.entry.kind == "record"
        )
        over.set()
        for each in running:
            each.join()
        assert shared
        late += sum(number > at for number in shared)
    for own in others:
        own.engine.dispose()
    assert late == 0
    tried(
        "races", "permissions taken back while three others share", gate.engine, WITHDRAWALS, late
    )

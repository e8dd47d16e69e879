"""How long the accounting of one customer takes, who has ten thousand disclosures in a larger log.

Prints a Markdown table for docs/benchmarks.md. PostgreSQL is one of the tests' own, if installed.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from analysis import best

import upheld
from upheld.core.ids import PersonId
from upheld.database.engines import open_database
from upheld.database.schema import migrate
from upheld.database.transaction import reading
from upheld.demo import sample_policy
from upheld.gate.gate import Gate
from upheld.gate.inquiries import Inquiries
from upheld.gate.log import entries
from upheld.ledger.entries import Entry
from upheld.practice import accounting
from upheld.practice.accounting import DisclosureQuery
from upheld.vault.keyring import Keyring, Passphrase

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import postgres

ENTRIES = 10_000
BESIDE = 20_000  # of others, in between
TARGET_SECONDS = 0.2
LOT = 1_000


def fill(gate: Gate, person: PersonId, other: PersonId) -> None:
    """Enter disclosures of two people, by turns, to a supplier and a partner."""
    times = ENTRIES // LOT
    for _ in range(times):
        with gate.writing() as connection:
            for each in range(LOT):
                party = "supplier fjord-mail" if each % 4 else "trusted-partner northern-mail"
                entry = Entry(
                    kind="act",
                    time="",
                    policy=gate.policy.digest,
                    action="share",
                    outcome="allow",
                    clauses=("permission",),
                    data=("name", "email"),
                    recipient=party,
                    purpose="support",
                    evidence=(f"{each:032x}",),
                )
                for whose in (person, *[other] * (BESIDE // ENTRIES)):
                    entries.write(connection, entry, whose, gate.clock.now())


def measure(url: str, folder: Path) -> tuple[float, float]:
    """Seconds for the accounting of a customer, and for a partner's in the whole log."""
    engine = open_database(url)
    migrate(engine)
    keyring = Keyring.create(folder / "keyring", Passphrase("seven plain words in a row"))
    gate = Gate(engine, upheld.load(sample_policy()), keyring)
    person, other = gate.enrol(), gate.enrol()
    fill(gate, person, other)

    def ask(query: DisclosureQuery) -> Callable[[], int]:
        def work() -> int:
            with reading(gate.engine) as connection:
                rows = accounting.disclosures(Inquiries(gate.context, connection), query)
            return len(rows)

        return work

    mine, partners = ask(DisclosureQuery(person)), ask(DisclosureQuery(party="northern-mail"))
    if mine() != ENTRIES or partners() != (ENTRIES + BESIDE) // 4:
        raise SystemExit("the accounting does not tell what was entered")
    return best(mine, 5), best(partners, 5)


def main() -> None:
    """Print the table."""
    print(f"Measured on {os.cpu_count()} cores.\n")
    print("| database | a customer's 10,000 | within its target | a partner's 7,500 of 30,000 |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mine, partners = measure(f"sqlite:///{folder / 'bench.db'}", folder)
        tell("SQLite", mine, partners)
        if programs := postgres.programs():
            import psycopg  # noqa: PLC0415 - only where there is a server

            with postgres.server(programs) as address:
                with psycopg.connect(address + "postgres", autocommit=True) as connection:
                    connection.execute("CREATE DATABASE bench")
                second = folder / "second"
                second.mkdir()
                tell("PostgreSQL", *measure(address + "bench", second))


def tell(database: str, mine: float, partners: float) -> None:
    """Print a line of the table."""
    verdict = "yes" if mine < TARGET_SECONDS else "NO"
    print(f"| {database} | {mine * 1e3:,.0f} ms | {verdict} | {partners * 1e3:,.0f} ms |")


if __name__ == "__main__":
    main()

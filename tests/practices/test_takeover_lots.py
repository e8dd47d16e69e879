"""Accounts that come in by lots are who would come in one at a time."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import pytest

from empty import empty_database
from practices.conftest import House, houses
from practices.test_takeover_imports import counsel, policy
from practices.test_takeover_race import AT, IDENTITY, parcel, written
from upheld.gate.operations.selfcheck import selfcheck
from upheld.practice import parties
from upheld.practices.takeovers import imports
from upheld.practices.takeovers.imports import ArchiveImport, RefusedAccount
from upheld.practices.takeovers.parcels import Parcel, ParcelChoice

OUT = ParcelChoice(kind="opt-out", fact="advertising-opt-out", about={}, since=AT)
NAMELESS = ParcelChoice(kind="opt-out", fact="no-such-word", about={}, since=AT)
BORN = {"birth-date": "1990-02-01", "name": "Ann Marked"}
IN = ("c0", "c7", "c8", "c9", "c11")  # whose accounts come in, by their addresses


def accounts() -> list[Parcel]:
    """Some that come in, among others of which something is wrong, each another thing."""
    some: list[tuple[dict[str, str], tuple[ParcelChoice, ...]]] = [
        (BORN, ()),
        ({**BORN, "email": "C0@MARKED.example"}, ()),  # of the first one's address
        (BORN, (NAMELESS,)),
        ({**BORN, "birth-date": "1990-02-31"}, ()),
        ({**BORN, "birth-date": "2025-12-31"}, ()),
        ({**BORN, "interests": "gardening"}, ()),
        ({**BORN, "shoe-size": "9"}, ()),
        (BORN, (OUT,)),
        ({"name": "Bo Marked", "phone": "+1 425 555 0142"}, (OUT, OUT)),
        ({"birth-date": "1980-02-01"}, ()),
        ({**BORN, "phone": "no number"}, ()),
        (BORN, ()),
    ]
    return [
        parcel({"email": f"c{number}@marked.example", **values}, 1, *choices)
        for number, (values, choices) in enumerate(some)
    ]


def test_whatever_the_lots_are_the_same_accounts_come_in_and_stay_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that stays out keeps nobody else of its lot out, and a second run changes nothing."""
    key = tmp_path / "key.txt"
    key.write_text(str(IDENTITY))
    digest = written(tmp_path / "all.zip", accounts())
    results: list[tuple[tuple[RefusedAccount, ...], list[tuple[str, list[str], int]]]] = []
    for batch in (1, 5, 100):
        monkeypatch.setattr(imports, "BATCH", batch)
        folder = tmp_path / str(batch)
        folder.mkdir()
        with contextmanager(houses)(empty_database(folder), folder) as opening:
            house = opening(policy())
            house.staff("counsel", sign_in="cleo")
            house.do(lambda t: parties.add(t, "Larch Valley", "business-partner"))
            done = [
                ArchiveImport(house.provider, "Larch Valley", house.do(counsel)).run(
                    tmp_path / "all.zip", digest, key
                )
                for _ in range(2)
            ]
            assert done[0] == done[1]
            assert (done[0].accounts, done[0].of) == (len(IN), len(accounts()))
            results.append((done[0].refused, here(house)))
            gate = house.provider.gate.gate
            assert selfcheck(gate.engine, gate.context.keyring).problems == ()
    refused, people = results[0]
    assert results == [(refused, people)] * 3
    assert [each for each, _, _ in people] == [f"{each}@marked.example" for each in IN]
    assert [choices for _, _, choices in people] == [0, 1, 1, 0, 0]
    reasons = {each.file[-7:-4].lstrip("0"): (each.fields, each.why) for each in refused}
    assert {number: fields for number, (fields, _) in reasons.items()} == {
        "2": ("email",),
        "3": (),
        "4": ("birth-date",),
        "5": ("birth-date",),
        "6": ("interests",),
        "7": ("shoe-size",),
        "11": ("phone",),
    }
    assert "here already" in reasons["2"][1]


def here(house: House) -> list[tuple[str, list[str], int]]:
    """Who is here by their address, with what is held of them and how many opt-outs they have."""
    gate, some = house.provider.gate.gate, list[tuple[str, list[str], int]]()
    with gate.together() as transaction:
        for number in range(len(accounts())):
            email = f"c{number}@marked.example"
            for person in transaction.find("email", email):
                records, _ = transaction.records_of([person], ["opt-out"])
                some.append((email, sorted(transaction.held_fields(person)), len(records)))
    return some

"""Accounts that come in by lots are who would come in one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from empty import empty_database
from practices.conftest import House, houses
from practices.test_takeover_imports import CLAUSE, counsel, policy
from practices.test_takeover_race import AT, IDENTITY, parcel, written
from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId
from upheld.demo import sample_policy
from upheld.gate.operations.selfcheck import selfcheck
from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy, load_text
from upheld.practice import parties
from upheld.practices.takeovers import imports
from upheld.practices.takeovers.closing import TakeoverError
from upheld.practices.takeovers.entry_plans import EntryPlan, EntryPlans, NoPlan
from upheld.practices.takeovers.imports import ArchiveImport, ImportedArchive, RefusedAccount
from upheld.practices.takeovers.parcels import Parcel, ParcelChoice

OUT = ParcelChoice(kind="opt-out", fact="advertising-opt-out", about={}, since=AT)
NAMELESS = ParcelChoice(kind="opt-out", fact="no-such-word", about={}, since=AT)
BORN = {"birth-date": "1990-02-01", "name": "Ann Marked"}
IN = ("c0", "c7", "c8", "c9", "c11")  # whose accounts come in, by their addresses


@contextmanager
def successor(folder: Path, its: Policy | None = None) -> Iterator[House]:
    """Who takes accounts in, of a policy or the one that lets some come in."""
    with contextmanager(houses)(empty_database(folder), folder) as opening:
        house = opening(its or policy())
        house.staff("counsel", sign_in="cleo")
        house.do(lambda t: parties.add(t, "Larch Valley", "business-partner"))
        yield house


def bring(house: House, folder: Path, *some: Parcel) -> ImportedArchive:
    """Take some accounts in."""
    key = folder / "key.txt"
    key.write_text(str(IDENTITY))
    digest = written(folder / "all.zip", some)
    job = ArchiveImport(house.provider, "Larch Valley", house.do(counsel))
    return job.run(folder / "all.zip", digest, key)


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
        with successor(folder) as house:
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


@pytest.mark.parametrize("batch", [1, 100])
def test_an_account_that_stays_out_keeps_none_of_its_address_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """The first of three comes in that can, whatever the lots are; the one after it may not."""
    monkeypatch.setattr(imports, "BATCH", batch)
    some = [
        parcel({**BORN, "email": "x@marked.example", "interests": "gardening"}, 1),
        parcel({**BORN, "email": "X@marked.example"}, 1),
        parcel({**BORN, "email": "x@marked.example", "phone": "+1 425 555 0142"}, 1),
    ]
    with successor(tmp_path) as house:
        done = bring(house, tmp_path, *some)
        assert [(each.file[-5], each.fields) for each in done.refused] == [
            ("1", ("interests",)),
            ("3", ("email",)),
        ]
        (person,) = house.do(lambda t: t.find("email", "x@marked.example"))
        assert set(house.do(lambda t: t.held_fields(person))) == {"name", "email", "birth-date"}


@pytest.mark.parametrize("batch", [1, 100])
def test_what_stops_the_recording_of_a_choice_stops_the_import_and_turns_nobody_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """Such as a full disk: once there is room, the rest comes in."""
    monkeypatch.setattr(imports, "BATCH", batch)
    some = [parcel({**BORN, "email": f"c{each}@marked.example"}, 1, OUT) for each in range(3)]
    with successor(tmp_path) as house:
        with monkeypatch.context() as patch:

            def full(*_: object, **__: object) -> None:
                raise UpheldError("the disk is full", code="disk-full")

            patch.setattr(Transaction, "record_each", full)
            with pytest.raises(UpheldError) as caught:
                bring(house, tmp_path, *some)
        assert caught.value.code == "disk-full"
        done = bring(house, tmp_path, *some)
        assert (done.accounts, done.refused) == (3, ())


def test_how_an_account_is_kept_does_not_depend_on_who_came_before_it(tmp_path: Path) -> None:
    """Of three people, in each order: each as by itself, and those alike together."""
    text = Path(sample_policy()).read_text(encoding="utf-8")
    head, mark, tail = text.partition("We may combine what we hold about you with what")
    rule = "may not store address for fraud-detection when advertising-opt-out"
    stricter = CLAUSE + f"Opted out, no address. {{#no-address}}\n\n```rule\n{rule}\n```\n\n"
    with successor(tmp_path, load_text(head + stricter + mark + tail)) as house:

        def plans_of(transaction: Transaction) -> None:
            word = parties.word_of(transaction, "Larch Valley")
            people = [transaction.enrol() for _ in range(3)]
            transaction.record(people[1], "opt-out", fact="advertising-opt-out")

            def of(*some: PersonId) -> dict[PersonId, EntryPlan | NoPlan]:
                plans = EntryPlans(word, ("business-partner",))
                return plans.of_each(transaction, some, ["address", "name"])

            alone = {person: of(person)[person] for person in people}
            assert alone[people[0]] == alone[people[2]] != alone[people[1]]
            assert all(isinstance(each, EntryPlan) for each in alone.values())
            for some in permutations(people):
                assert of(*some) == alone

        house.do(plans_of)


def test_a_company_that_goes_off_the_register_meanwhile_brings_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came in before stays."""
    monkeypatch.setattr(imports, "BATCH", 1)
    some = [parcel({**BORN, "email": f"c{each}@marked.example"}, 1) for each in range(2)]
    with successor(tmp_path) as house:
        take = ArchiveImport._take_in_lot

        def take_and_leave(*rest: Any) -> Any:
            outside = take(*rest)
            house.do(lambda t: parties.end(t, parties.word_of(t, "Larch Valley")))
            return outside

        monkeypatch.setattr(ArchiveImport, "_take_in_lot", take_and_leave)
        with pytest.raises(TakeoverError) as caught:
            bring(house, tmp_path, *some)
        assert caught.value.code == "takeover-party"
        assert [email for email, _, _ in here(house)] == ["c0@marked.example"]


def test_an_account_with_a_word_that_is_no_field_stays_out_alone(tmp_path: Path) -> None:
    """A group of fields is a word of the policy, and holds no value of its own."""
    some = (
        parcel({**BORN, "email": "a@marked.example", "account-data": "a"}, 1),
        parcel({**BORN, "email": "b@marked.example"}, 1),
    )
    with successor(tmp_path) as house:
        result = bring(house, tmp_path, *some)
    outside = [each.why for each in result.refused]
    assert (result.accounts, outside) == (1, ["our policy has no word for some of it"])

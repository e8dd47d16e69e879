"""What practices keep of customers in tables of their own goes, and comes in, with accounts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pyrage
import pytest
from starlette.testclient import TestClient

import upheld
from empty import empty_database
from practices.closings import Lawyers, approved, lawyers_of, run_job, terms_of
from practices.conftest import PAGE, House, houses
from practices.test_beacon import seen_on_a_partners_page
from practices.test_partner_transactions import HERE, partner, row, stored, take
from practices.test_takeover_imports import CLAUSE, bring_to, counsel
from practices.test_takeover_race import AT, IDENTITY, parcel, written
from practices.test_takeover_rows import aside, without_keys
from practices.test_takeovers import transfers
from practices.test_visit_pages import cookie_of, record_visits, signed_in_visits
from upheld.core.ids import ClosingId, PersonId, UserId
from upheld.demo import sample_policy
from upheld.gate.act.request import Refused
from upheld.gate.erasure.erase import erase
from upheld.gate.gate import Gate
from upheld.gate.operations.selfcheck import selfcheck
from upheld.policy.load import load_text
from upheld.practice import parties
from upheld.practices.collection import beacon_keys
from upheld.practices.feeds import withdrawal
from upheld.practices.rights.export import copy_act
from upheld.practices.takeovers import imports
from upheld.practices.takeovers import transfers as moving
from upheld.practices.takeovers.handover import Handover
from upheld.practices.takeovers.manifest import TransferArchiveError, read_archive
from upheld.practices.takeovers.parcels import Parcel, ParcelValue, parcel_of, read_parcel
from upheld.practices.takeovers.proofs import proofs

ANN, BO = "ann@marked.example", "bo@marked.example"
TOLD = {"birth-date": "1990-02-01", "name": "Ann Marked", "email": ANN}
BOAT = {"reference": "A1", "day": "2026-03-02", "cents": 1250, "currency": "USD"}
BOAT |= {"what": "A marked boat", "company": "Spruce Point"}
VISITS = ("page-request", "ip-network")
ROUTE, NETWORK = ("/privacy",), ["203.0.113.0/24"]


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """What goes to a successor is the same from every database."""
    return empty_database(tmp_path)


_LETTING_IN = (
    "with reduced, encryption, delete-after 14 months",
    "with encryption, delete-after 14 months",
)


@cache
def policy(kinds: str = "transaction, page-request, ip-network") -> upheld.Policy:
    """The sample policy, with clauses by which more kinds of data come from a partner and stay."""
    head, mark, tail = sample_policy().read_text().partition("We may combine what we hold")
    more = CLAUSE.replace(", birth-date", f", birth-date, {kinds}")
    return load_text((head + more + mark + tail).replace(*_LETTING_IN))


class Handed(NamedTuple):
    """An archive that is handed over, its digest, and what is in it."""

    path: Path
    digest: str
    key: Path
    parcels: list[Parcel]


def handed(house: House, lawyers: Lawyers, folder: Path, *people: PersonId) -> Handed:
    """Transfer some people's accounts, and write the archive of them."""
    closing_id = approved(house, lawyers, terms_of(house, lawyers, *people)).closing_id
    run_job(house)
    return opened(house, lawyers, folder, closing_id)


def opened(house: House, lawyers: Lawyers, folder: Path, closing_id: ClosingId) -> Handed:
    """Write the archive of a closing, and open it as the successor does."""
    gate, path, key = house.provider.gate.gate, folder / "all.zip", folder / "key.txt"
    digest = Handover(lawyers.closings).write(gate, closing_id, path, lawyers.first).digest
    key.write_text(str(lawyers.identity))
    _, parts = read_archive(path, digest)
    parcels = [read_parcel(pyrage.decrypt(each, [lawyers.identity])) for each in parts]
    return Handed(path, digest, key, parcels)


@contextmanager
def successor(folder: Path, its: upheld.Policy) -> Iterator[House]:
    """Who takes accounts in."""
    there = folder / "successor"
    there.mkdir()
    with contextmanager(houses)(empty_database(there), there) as opening:
        house = opening(its)
        house.staff("counsel", sign_in="cleo")
        house.do(lambda t: parties.add(t, "Larch Valley", "business-partner"))
        yield house


def marked(house: House) -> PersonId:
    """A customer who visited three pages, and of whom a partner told two transactions."""
    recorder = record_visits(house)
    ann, browser = signed_in_visits(house, recorder, ANN)
    house.clock.moved += timedelta(seconds=1)
    far = TestClient(house.app, headers=PAGE, client=("203.0.113.77", 50_000))
    far.cookies.set("visitor", cookie_of(browser))
    far.get(ROUTE[0])
    recorder.keep()
    partner(house)
    take(house, row(ANN), row(ANN, "A2", amount="-3.05", what="Oars"))
    return PersonId(ann)


def test_what_a_partner_told_and_visits_go_with_the_account_and_come_in(
    house: House, tmp_path: Path
) -> None:
    """With when each came in and from whom; the customer sees it there, and it goes with them."""
    ann = marked(house)
    its = handed(house, lawyers_of(house), tmp_path, ann)
    (line,) = its.parcels
    boats = line.rows["transaction"]
    assert [json.loads(each.value) for each in boats] == [
        BOAT,
        {**BOAT, "reference": "A2", "cents": -305, "what": "Oars"},
    ]
    assert {each.source for each in boats} == {"business-partner spruce-point"}
    assert {each.at.date() for each in boats} == {house.clock.today()}
    pages = line.rows["page-request"]
    assert [(each.value, each.source) for each in pages] == [
        ("/privacy", "browser"),
        ("/about", "browser"),
        (*ROUTE, "browser"),
    ]
    (network,) = line.rows["ip-network"]
    assert ([network.value], network.at) == (NETWORK, pages[-1].at)
    assert [each.at for each in pages] == sorted(each.at for each in pages)
    assert (line.kept_back, {*line.rows}) == ((), {"transaction", *VISITS})
    (entry,) = transfers(house, ann)
    assert {*line.rows} <= {*entry.data}
    with successor(tmp_path, policy()) as other:
        done = bring_to(other, its.path, its.digest, its.key)
        assert (done.accounts, done.refused) == (1, ())
        with pytest.raises(TransferArchiveError) as caught:
            bring_to(other, its.path, its.digest, its.key)
        assert caught.value.code == "transfer-repeated"
        (there,) = other.do(lambda t: t.find("email", ANN))
        gate = other.provider.gate.gate
        seen = other.do(lambda t: t.act(copy_act(VISITS), there, entitled=True))
        assert not isinstance(seen, Refused)
        assert [each.value for each in seen.series("page-request")] == [
            "/privacy",
            "/about",
            *ROUTE,
        ]
        assert [each.value for each in seen.series("ip-network")] == NETWORK
        assert len(stored(other)) == 2
        acts = [each.entry for each in gate.entries(there)]
        (collected,) = [e for e in acts if (e.action, e.data) == ("collect", ("transaction",))]
        assert collected.source == "business-partner larch-valley"
        (proof,) = other.do(lambda t: proofs(t, there, counsel(t)))
        assert [each.at for each in proof.rows["transaction"]] == [each.at for each in boats]
        assert "marked boat" not in str(proof)
        assert selfcheck(gate.engine, gate.context.keyring).problems == ()
        page = other.signed_in(there).get(HERE).text
        for mark in ("A marked boat", "Spruce Point", "12.50 USD", "Oars"):
            assert mark in page
        erase(gate, [there])
        assert stored(other) == []


def test_what_the_policy_here_does_not_let_go_stays_and_is_named(
    house: House, tmp_path: Path, open_house: Any
) -> None:
    """One decision is about values and rows alike."""
    text = (
        sample_policy()
        .read_text()
        .replace(
            "except may transfer to successor for account-transfer",
            "except may transfer identity, contact-details, birth-date, page-request to successor"
            " for account-transfer",
        )
    )
    house = open_house(load_text(text))
    ann = marked(house)
    (line,) = handed(house, lawyers_of(house), tmp_path, ann).parcels
    assert "transaction" in line.kept_back
    assert {*line.rows} == {"page-request"}
    assert "marked boat" not in str(line)
    (entry,) = [each for each in transfers(house, ann) if each.outcome == "allow"]
    assert "transaction" not in entry.data


def test_what_the_policy_there_does_not_let_in_is_named_and_can_be_left_out(
    house: House, tmp_path: Path
) -> None:
    """The sample policy lets no visits in that were taken down elsewhere."""
    its = handed(house, lawyers_of(house), tmp_path, marked(house))
    with successor(tmp_path, policy("transaction")) as other:
        (out,) = bring_to(other, its.path, its.digest, its.key).refused
        assert {*out.fields} == {*VISITS}
        assert stored(other) == []
        done = bring_to(other, its.path, its.digest, its.key, VISITS)
        assert (done.accounts, done.refused, len(stored(other))) == (1, (), 2)
        (there,) = other.do(lambda t: t.find("email", ANN))
        assert "page-request" not in other.do(lambda t: t.held_fields(there))


def test_visits_of_a_browser_in_which_others_signed_in_and_of_an_untied_one_stay(
    house: House, tmp_path: Path
) -> None:
    """Whose they are nobody can tell; nor does what a hold alone keeps go."""
    recorder = record_visits(house)
    ann, browser = signed_in_visits(house, recorder, ANN)
    bo = house.customer(BO)
    other = house.signed_in(bo)
    other.cookies.set("visitor", cookie_of(browser))
    other.get("/about")
    recorder.keep()
    partner(house)
    house.do(lambda t: t.record(bo, "hold", fact="legal-hold"))
    feed, _ = take(house, row(BO))
    house.do(partial(withdrawal.withdraw, feed_id=feed.feed_id, by=UserId("u1")))
    withdrawal.take_out(house.provider.gate.gate)
    assert len(stored(house)) == 1
    for line in handed(house, lawyers_of(house), tmp_path, ann, bo).parcels:
        assert (line.rows, line.kept_back) == ({}, ())


def test_a_visit_that_cannot_be_read_is_named_as_kept_back(house: House, tmp_path: Path) -> None:
    """The account goes all the same, with whatever else there is."""
    ann = marked(house)
    assert without_keys(house, "UPDATE visit_block SET sealed = ?", b"nothing") > 0
    (line,) = handed(house, lawyers_of(house), tmp_path, ann).parcels
    assert line.kept_back == ("ip-network", "page-request")
    assert {*line.rows} == {"transaction"}


@pytest.mark.parametrize("is_stolen", [False, True])
def test_a_visit_that_a_partners_page_told_goes_with_its_company_unless_the_key_was_stolen(
    house: House, tmp_path: Path, is_stolen: bool
) -> None:
    """Then it may be another's: it stays, and is named."""
    beacon, ann, _ = seen_on_a_partners_page(house)
    if is_stolen:
        house.do(lambda t: beacon_keys.revoke(t, beacon.key, stolen=True, actor="staff u1"))
    (line,) = handed(house, lawyers_of(house), tmp_path, ann).parcels
    sources = {each.source for each in line.rows["page-request"]}
    assert ("business-partner spruce-point" in sources) is not is_stolen
    assert line.kept_back == (("ip-network", "page-request") if is_stolen else ())
    assert beacon.key not in str(line)


@pytest.mark.parametrize(
    "damage", ["UPDATE visit_tie SET at = 7", "UPDATE partner_transaction SET received = '2020'"]
)
def test_whose_rows_were_changed_does_not_go_and_everybody_else_does(
    house: House, damage: str
) -> None:
    """They are set aside, as where a value was changed."""
    ann, bo = marked(house), house.customer(BO)
    assert without_keys(house, damage) > 0
    lawyers = lawyers_of(house)
    approved(house, lawyers, terms_of(house, lawyers, ann, bo))
    run_job(house)
    assert [len(transfers(house, each)) for each in (ann, bo)] == [0, 1]
    assert aside(house) == {ann}


def test_wherever_a_transfer_or_an_import_dies_each_row_goes_and_comes_once(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before each account, and at each transaction of the import."""
    partner(house)
    emails = [f"c{number}@marked.example" for number in range(3)]
    people = [house.customer(each) for each in emails]
    take(house, *(row(each, f"A{number}") for number, each in enumerate(emails)))
    lawyers, lives = lawyers_of(house), [0]
    closing_id = approved(house, lawyers, terms_of(house, lawyers, *people)).closing_id

    def dying(step: Any) -> Any:
        def work(*words: Any, **more: Any) -> Any:
            lives[0] -= 1
            if lives[0] == 0:
                raise KeyboardInterrupt
            return step(*words, **more)

        return work

    monkeypatch.setattr(moving, "BATCH", 1)
    monkeypatch.setattr(moving, "parcel_of", dying(parcel_of))
    for lives[0] in (1, 2, 2):
        with suppress(KeyboardInterrupt):
            run_job(house)
    run_job(house)
    assert [len(transfers(house, each)) for each in people] == [1, 1, 1]
    its = opened(house, lawyers, tmp_path, closing_id)
    assert [len(each.rows["transaction"]) for each in its.parcels] == [1, 1, 1]
    monkeypatch.setattr(imports, "BATCH", 1)
    with successor(tmp_path, policy()) as other, monkeypatch.context() as patch:
        patch.setattr(Gate, "together", dying(Gate.together))
        for lives[0] in range(2, 7):
            with suppress(KeyboardInterrupt, TransferArchiveError):
                bring_to(other, its.path, its.digest, its.key)
        lives[0] = 0
        with suppress(TransferArchiveError):
            bring_to(other, its.path, its.digest, its.key)
        rows = stored(other)
        assert (len(rows), len({each.person_id for each in rows})) == (3, 3)


@pytest.mark.parametrize(
    ("kind", "value", "why"),
    [
        ("transaction", "nothing", "a value cannot be one of its field"),
        (
            "transaction",
            json.dumps({**BOAT, "what": "x\x00"}),
            "a value cannot be one of its field",
        ),
        ("transaction", json.dumps({**BOAT, "day": "2126-01-01"}), "a value cannot be one"),
        ("transaction", json.dumps({**BOAT, "company": ""}), "a value cannot be one of its field"),
        (
            "transaction",
            json.dumps({**BOAT, "cents": 10**12}),
            "a value cannot be one of its field",
        ),
        ("email", "bo@marked.example", "it has several values where one can be"),
        ("birth-date", "2020-01-01", "it has several values where one can be"),
        ("no-such-word", "x", "our policy has no word for some of it"),
    ],
)
def test_a_row_that_is_none_of_its_kind_keeps_its_account_out(
    tmp_path: Path, kind: str, value: str, why: str
) -> None:
    """Whoever wrote the archive; the account with a row that is one comes in."""
    key, lines = tmp_path / "key.txt", [parcel(TOLD, 1), parcel({**TOLD, "email": BO}, 1)]
    key.write_text(str(IDENTITY))
    for at, (word, text) in enumerate([("transaction", json.dumps(BOAT)), (kind, value)]):
        lines[at] = msgspec.structs.replace(lines[at], rows={word: (ParcelValue(text, AT),)})
    digest = written(tmp_path / "all.zip", lines)
    with successor(tmp_path, policy()) as other:
        done = bring_to(other, tmp_path / "all.zip", digest, key)
        (out,) = done.refused
        assert out.why.startswith(why)
        assert (done.accounts, len(stored(other))) == (1, 1)
        assert not other.do(lambda t: t.find("email", BO))


def test_of_each_kind_that_a_practice_releases_something_goes_with_accounts(house: House) -> None:
    """Else an account is not whole at the successor, and nobody says so."""
    with_rows = [each for each in house.provider.practices if each.own_rows]
    assert {each.name for each in with_rows} >= {"collection", "feeds"}
    assert all(each.rows_to_successor for each in with_rows)

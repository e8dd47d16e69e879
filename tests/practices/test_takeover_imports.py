"""Accounts of another provider's archive: taken in as our policy lets them, whole and once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pyrage
import pytest

import upheld
from empty import empty_database
from practices.closings import Lawyers, approved, lawyers_of, run_job, terms_of
from practices.conftest import House, houses, send
from practices.mail import link
from upheld.core.ids import PersonId, UserId
from upheld.demo import sample_policy
from upheld.gate.gate import Gate
from upheld.gate.transaction import Transaction
from upheld.policy.load import load_text
from upheld.practice import parties
from upheld.practices.staff import people
from upheld.practices.takeovers import imports
from upheld.practices.takeovers.handover import Handover
from upheld.practices.takeovers.imports import ArchiveImport, ImportedArchive
from upheld.practices.takeovers.manifest import TransferArchiveError
from upheld.practices.takeovers.proofs import proofs

EMAILS = ("ann@marked.example", "bo@marked.example", "cy@marked.example")
CLAUSE = """When we take over customers of a partner, we take in who they are. {#arrivals}

```rule
may collect identity, contact-details, birth-date from business-partner at other
  when registered-partner
  with record
```

"""


class Archive(NamedTuple):
    """An archive, what its maker told of it, and who made it."""

    path: Path
    digest: str
    key: Path
    house: House
    lawyers: Lawyers
    closing: Any


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough: rows are written as any others are."""
    return empty_database(tmp_path)


@pytest.fixture
def archive(open_house: Callable[..., House], sample: upheld.Policy, tmp_path: Path) -> Archive:
    """The accounts of three customers; one opted out, and of one there are interests."""
    house = open_house(sample)
    customers = [house.customer(each, phone="+1 555 010 0107") for each in EMAILS[:2]]
    customers.append(house.customer(EMAILS[2], interests="gardening"))
    house.do(lambda t: t.record(customers[0], "opt-out", fact="advertising-opt-out"))
    lawyers = lawyers_of(house)
    closing = approved(house, lawyers, terms_of(house, lawyers, *customers)).closing_id
    run_job(house)
    path, key = tmp_path / "all.zip", tmp_path / "key.txt"
    written = Handover(lawyers.closings).write(
        house.provider.gate.gate, closing, path, lawyers.first
    )
    key.write_text(f"# made by age-keygen\n{lawyers.identity}\n")
    return Archive(path, written.digest, key, house, lawyers, closing)


@cache
def policy() -> upheld.Policy:
    """The sample policy, with a clause by which who somebody is comes from a partner."""
    text = Path(sample_policy()).read_text(encoding="utf-8")
    head, mark, tail = text.partition("We may combine what we hold about you with what")
    return load_text(head + CLAUSE + mark + tail)


@pytest.fixture
def successor(tmp_path: Path) -> Iterator[Callable[[], House]]:
    """Opens another provider, whose policy lets some data come from a partner."""
    folder = tmp_path / "successor"
    folder.mkdir()
    opening = houses(empty_database(folder), folder)
    make = next(opening)

    def open_one() -> House:
        house = make(policy())
        house.staff("counsel", sign_in="cleo")
        house.do(lambda t: parties.add(t, "Larch Valley", "business-partner"))
        return house

    yield open_one
    next(opening, None)


def bring(house: House, archive: Archive, *leave_out: str, **changes: Any) -> ImportedArchive:
    """Take an archive in."""
    it = archive._replace(**changes)
    return bring_to(house, it.path, it.digest, it.key, leave_out)


def bring_to(
    house: House, path: Path, digest: str, key: Path, leave_out: tuple[str, ...] = ()
) -> ImportedArchive:
    """Take an archive in that is a file."""
    job = ArchiveImport(house.provider, "Larch Valley", house.do(counsel), leave_out)
    return job.run(path, digest, key)


def counsel(transaction: Transaction) -> UserId:
    """Who takes archives in."""
    return people.by_sign_in(transaction, "cleo")


def here(house: House) -> dict[str, list[PersonId]]:
    """Who is here, by the address of each."""
    found = house.do(lambda t: {each: t.find("email", each) for each in EMAILS})
    return {email: ids for email, ids in found.items() if ids}


def test_what_no_clause_lets_in_stays_out_whole_and_the_rest_gets_in_by_the_mailbox(
    archive: Archive, successor: Callable[[], House]
) -> None:
    """The first provider confirms all; what was forbidden holds, and evidence has no values."""
    house = successor()
    some = bring(house, archive)
    (out,) = some.refused
    assert (some.accounts, some.of, out.fields) == (2, 3, ("interests",))
    assert here(house).keys() == {*EMAILS[:2]}
    done = bring(house, archive, "interests")
    assert (done.accounts, done.refused) == (3, ())
    handover = Handover(archive.lawyers.closings)
    confirmed = archive.house.do(
        lambda t: handover.confirm(
            t, archive.closing, done.accounts, done.digest, archive.lawyers.second
        )
    )
    assert confirmed.state == "done"
    with pytest.raises(TransferArchiveError) as caught:
        bring(house, archive)
    assert caught.value.code == "transfer-repeated"
    (ann,), (cy,) = here(house)[EMAILS[0]], here(house)[EMAILS[2]]
    assert {"name", "email", "phone", "birth-date"} <= house.do(lambda t: t.held_fields(ann)).keys()
    assert "interests" not in house.do(lambda t: t.held_fields(cy))
    optouts = house.do(lambda t: [each.fact for each in t.records_of([ann], ["opt-out"])[0]])
    assert optouts == ["advertising-opt-out"]
    (proof,) = house.do(lambda t: proofs(t, ann, counsel(t)))
    assert (proof.closing, proof.policy) == (archive.closing, archive.house.policy.digest)
    assert b"marked.example" not in msgspec.json.encode(proof)
    assert [each.fact for each in proof.choices] == ["advertising-opt-out"]
    answer = send(house.browser(), "/recover", {"email": EMAILS[0]})
    assert answer.headers["location"] == "/recover/sent"
    chosen = {"password": "seven brand new words"}
    house.browser().post(link(house, "accounts/welcome-back"), data=chosen)
    answer = send(house.browser(), "/sign-in", {"email": EMAILS[0], **chosen})
    assert answer.headers["location"] == "/me/acceptance"


def test_an_archive_that_is_changed_cut_or_for_another_key_brings_nobody(
    archive: Archive, successor: Callable[[], House], tmp_path: Path
) -> None:
    """Nor one from a company that the register does not have."""
    house, raw = successor(), archive.path.read_bytes()
    other = tmp_path / "other.txt"
    other.write_text(str(pyrage.x25519.Identity.generate()))
    last, wrong = raw.rindex(b"age-encryption.org") + 300, tmp_path / "wrong.zip"
    changed = raw[:last] + bytes([raw[last] ^ 1]) + raw[last + 1 :]
    with pytest.raises(TransferArchiveError) as caught:
        bring(house, archive, key=other)
    assert caught.value.code == "transfer-key"
    for body in (changed, raw[: len(raw) // 2]):
        wrong.write_bytes(body)
        with pytest.raises(TransferArchiveError) as caught:
            bring(house, archive, path=wrong)
        assert caught.value.code == "transfer-archive"
    assert here(house) == {}


def test_whatever_stops_an_import_and_however_many_run_each_account_is_here_once(
    archive: Archive, successor: Callable[[], House], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at each transaction, then twenty at once: three people, one entry of each."""
    house, whole, lives = successor(), Gate.together, [0]
    monkeypatch.setattr(imports, "BATCH", 1)

    def dying(self: Gate) -> Any:
        lives[0] -= 1
        if lives[0] == 0:
            raise KeyboardInterrupt
        return whole(self)

    monkeypatch.setattr(Gate, "together", dying)
    for lives[0] in (3, 4):
        with suppress(KeyboardInterrupt):
            bring(house, archive, "interests")
    monkeypatch.setattr(Gate, "together", whole)
    assert len(here(house)) == 1

    def once(_: int) -> None:
        with suppress(TransferArchiveError):  # since all of it is here already
            assert bring(house, archive, "interests").accounts == 3

    with ThreadPoolExecutor(4) as many:
        list(many.map(once, range(20)))
    assert [len(ids) for ids in here(house).values()] == [1, 1, 1]
    for (person,) in here(house).values():
        kinds = [each.entry.kind for each in house.provider.gate.gate.entries(person)]
        assert kinds.count("import") == 1

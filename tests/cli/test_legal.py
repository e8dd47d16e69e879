"""`upheld legal`: opened, checked, approved, released by the command; the list names nobody."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.homes import provider_in, run
from practices.orders import KEY, opened_files
from practices.test_partner_transactions import row
from upheld.cli import app
from upheld.cli.admin import provider_of
from upheld.core.clock import Clock, system_time
from upheld.core.errors import UpheldError
from upheld.core.settings import read_settings
from upheld.gate.transaction import GateTransaction
from upheld.practice import parties, partner_transactions
from upheld.practice.tables import partner_transaction
from upheld.practices.accounts import domain

TOLD, PASSED, ZONE = Clock.__init__.__defaults__ or ()


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Path:
    """A folder with a provider at which a legal desk works, and somebody else."""
    home = provider_in(tmp_path, olaf="legal", cora="counsel", sean="legal", sam="support")
    (home / "order.pdf").write_bytes(b"%PDF-1.7\nof no court\n")
    return home


def customer(home: Path) -> str:
    """The account number of somebody."""

    def work(transaction: GateTransaction) -> str:
        person = transaction.enrol()
        for each in (
            {"birth-date": "1990-02-01"},
            {"name": "Ann Marked"},
            {"email": "ann@marked.example"},
        ):
            transaction.store(person, each, source="customer", occasion="registration")
        domain.open_account(transaction, person, agreement_digest="0" * 64)
        domain.verify(transaction, person)
        account = domain.account_of(transaction.tables, person)
        assert account is not None
        return account.number

    provider = provider_of(read_settings(home / "upheld.toml"))
    with provider.gate.gate.together() as transaction:
        return work(transaction)


def order(home: Path, number: str, *more: str, by: str = "olaf", kind: str = "subpoena") -> str:
    """Open an instrument by the command; what it prints."""
    issued = ("--issuer", "Larch County Court", "--reference", "1 of 2099")
    reach = ("--recipient", "court", "--account", number, "--field", "name")
    term = ("--starts", "2020-01-01", "--ends", "2099-12-31", "--document", str(home / "order.pdf"))
    return run(home, "legal", "open", kind, "--by", by, *issued, *reach, *term, *more)


def test_an_instrument_is_opened_checked_approved_released_and_ended(home: Path) -> None:
    """Each by whoever may; the owner of the key reads a page, the list has nobody's account."""
    number = customer(home)
    name = json.loads(order(home, number, "--json"))["id"]
    assert "checked" in run(home, "legal", "check", name, "--by", "cora")
    assert "approved" in run(home, "legal", "approve", name, "--by", "sean")
    for words, code in (
        ((KEY, "--by", "olaf"), "legal-role"),
        (("age1", "--by", "cora"), "party-key"),
    ):
        with pytest.raises(UpheldError) as caught:
            run(home, "legal", "key", name, *words)
        assert caught.value.code == code
    run(home, "legal", "key", name, KEY, "--by", "cora")
    run(home, "legal", "release", name, "--by", "olaf", "--to", str(home / "out.age"))
    files = opened_files((home / "out.age").read_bytes())
    assert any("Ann Marked" in each for each in files.values())
    with pytest.raises(UpheldError) as caught:
        run(home, "legal", "release", name, "--by", "olaf", "--to", str(home / "out.age"))
    assert caught.value.code == "unwritable"
    for part in (("--field", "birth-date"), ("--account", "nobody")):
        with pytest.raises(UpheldError) as caught:
            run(home, "legal", "release", name, "--by", "olaf", "--to", str(home / "no.age"), *part)
        assert caught.value.code in {"refused", "legal-reach"}
        assert not (home / "no.age").exists()
    assert "ended" in run(home, "legal", "end", name, "--by", "olaf")
    listed = run(home, "legal", "list")
    assert f"{name}: subpoena, ended" in listed
    assert number not in listed + run(home, "legal", "list", "--json")


def test_an_emergency_is_reviewed_after_each_release_that_follows_a_review(home: Path) -> None:
    """Once by the command for two releases in a row, and again for the next."""
    belief, finding = home / "belief.txt", home / "finding.txt"
    belief.write_text("They called for help.")
    finding.write_text("It had to be.")
    issued = ("--issuer", "Larch Rescue", "--reference", "Call 7", "--ground", "physical-safety")
    reach = ("--recipient", "emergency-service", "--account", customer(home), "--field", "name")
    term = ("--starts", "2020-01-01", "--ends", "2099-12-31", "--belief", str(belief), "--json")
    answer = run(home, "legal", "open", "determination", "--by", "olaf", *issued, *reach, *term)
    name = json.loads(answer)["id"]
    run(home, "legal", "key", name, KEY, "--by", "olaf")
    review = ("legal", "review", name, "--by", "sean", "--finding", str(finding))
    for number in (1, 2, 3):
        run(home, "legal", "release", name, "--by", "olaf", "--to", str(home / f"{number}.age"))
        if number > 1:
            assert name in run(home, *review)
            with pytest.raises(UpheldError) as caught:
                run(home, *review)
            assert caught.value.code == "legal-state"


def test_an_account_is_named_by_an_address_and_kept_by_its_number(home: Path) -> None:
    """By an address alone it is opened and released; what is nobody's opens nothing."""
    number = customer(home)
    name = json.loads(order(home, "Ann@Marked.Example", "--json"))["id"]
    for step, by in (("check", "cora"), ("approve", "sean")):
        run(home, "legal", step, name, "--by", by)
    run(home, "legal", "key", name, KEY, "--by", "cora")
    part = ("--account", "ann@marked.example", "--field", "name")
    run(home, "legal", "release", name, "--by", "olaf", "--to", str(home / "out.age"), *part)
    files = opened_files((home / "out.age").read_bytes())
    text = "".join(files.values())
    assert number in text
    assert "Ann Marked" in text
    assert "marked.example" not in text.lower()
    with pytest.raises(UpheldError) as caught:
        order(home, "eve@marked.example")
    assert caught.value.code == "legal-reach"


def test_a_request_without_force_is_recorded_and_refused(home: Path) -> None:
    """It needs no reach, and nothing comes of it."""
    words = ("--by", "olaf", "--issuer", "An officer", "--reference", "By phone")
    assert "refused" in run(home, "legal", "open", "informal", *words)


@pytest.mark.parametrize(
    ("words", "by", "code"),
    [
        ((), "sam", "legal-role"),
        (("--field", "shoe-size"), "olaf", "legal-reach"),
        (("--account", "0"), "olaf", "legal-reach"),
        (("--ends", "2019-12-31"), "olaf", "legal-period"),
        (("--starts", "2098-01-01T00:00:00"), "olaf", "usage"),
        (("--period-start", "2025-02-01", "--period-end", "2025-01-01"), "olaf", "legal-period"),
        (("--silence-end", "2020-01-01"), "olaf", "legal-period"),
        (("--document", "{home}/upheld.toml"), "olaf", "legal-document"),
    ],
)
def test_what_cannot_be_opened_is_refused_with_a_code(
    home: Path, words: tuple[str, ...], by: str, code: str
) -> None:
    """Somebody else, no such reach, a term that is over or none, no document."""
    with pytest.raises(UpheldError) as caught:
        order(home, customer(home), *(each.format(home=home) for each in words), by=by)
    assert caught.value.code == code


def test_while_an_order_is_silent_what_is_printed_of_a_person_says_nothing_of_it(
    home: Path,
) -> None:
    """Neither their account nor how many entries there are: both may be given to them."""
    number = customer(home)
    provider = provider_of(read_settings(home / "upheld.toml"))
    with provider.gate.gate.together() as transaction:
        (person,) = provider.find_people(transaction, "account", number)
    before = [
        run(home, "ledger", "account", "--person", person),
        run(home, "person", "show", person),
    ]
    name = json.loads(order(home, number, "--silence-end", "2099-12-31", "--json"))["id"]
    run(home, "legal", "check", name, "--by", "cora")
    run(home, "legal", "approve", name, "--by", "sean")
    run(home, "legal", "key", name, KEY, "--by", "cora")
    run(home, "legal", "release", name, "--by", "olaf", "--to", str(home / "out.age"))
    assert [
        run(home, "ledger", "account", "--person", person),
        run(home, "person", "show", person),
    ] == before
    assert "legal process" in run(home, "ledger", "account")


def moved(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """Let each command from now on run on a day that is so many days ahead."""
    ahead = days * 24 * 3600 * 10**9
    defaults = (lambda: TOLD() + ahead, lambda: PASSED() + ahead, ZONE)
    monkeypatch.setattr(Clock.__init__, "__defaults__", defaults)


def test_a_subpoena_is_silent_for_ninety_days_by_command_and_then_told(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second customer and a further field are refused meanwhile, and all once it lapsed."""
    number, other = customer(home), customer(home)
    today = system_time()
    ends = {"--silence-end": today + timedelta(days=90), "--ends": today + timedelta(days=100)}
    words = [each for name, day in ends.items() for each in (name, day.isoformat())]
    name = json.loads(order(home, number, *words, "--json"))["id"]
    run(home, "legal", "check", name, "--by", "cora")
    run(home, "legal", "approve", name, "--by", "sean")
    run(home, "legal", "key", name, KEY, "--by", "cora")
    run(home, "legal", "release", name, "--by", "olaf", "--to", str(home / "out.age"))
    provider = provider_of(read_settings(home / "upheld.toml"))
    with provider.gate.gate.together() as transaction:
        (person,) = provider.find_people(transaction, "account", number)
    account = ("ledger", "account", "--person", person)

    def refused(*part: str) -> str:
        release = ("legal", "release", name, "--by", "olaf", "--to", str(home / "no.age"))
        with pytest.raises(UpheldError) as caught:
            run(home, *release, *part)
        assert not (home / "no.age").exists()
        return caught.value.code

    assert refused("--field", "email") == "refused"
    assert refused("--account", other) == "refused"
    for days, is_told in ((89, False), (91, True)):
        moved(monkeypatch, days)
        CliRunner().invoke(app, ["jobs", "--once", "--settings", str(home / "upheld.toml")])
        assert ("shared" in run(home, *account)) == is_told
    moved(monkeypatch, 101)
    assert refused() == "refused"


def test_who_was_erased_under_a_silent_order_is_found_by_a_later_one(home: Path) -> None:
    """The desk names the account as before, gets what is kept, and nothing once the hold ended."""
    number = customer(home)
    issued = ("--by", "olaf", "--issuer", "Larch County Court", "--reference", "2 of 2099")
    times = ("--starts", "2020-01-01", "--ends", "2099-12-31", "--silence-end", "2099-12-31")
    reach = ("--account", number, "--document", str(home / "order.pdf"))
    words = ("legal", "open", "preservation", *issued, *times, *reach, "--json")
    hold = json.loads(run(home, *words))["id"]
    run(home, "legal", "check", hold, "--by", "cora")
    run(home, "legal", "approve", hold, "--by", "sean")
    provider = provider_of(read_settings(home / "upheld.toml"))
    with provider.gate.gate.together() as transaction:
        (person,) = provider.find_people(transaction, "account", number)
    assert "Ann Marked" not in run(home, "person", "erase", person)
    name = json.loads(order(home, number, "--json"))["id"]
    run(home, "legal", "check", name, "--by", "cora")
    run(home, "legal", "approve", name, "--by", "sean")
    run(home, "legal", "key", name, KEY, "--by", "cora")
    run(home, "legal", "release", name, "--by", "olaf", "--to", str(home / "out.age"))
    files = opened_files((home / "out.age").read_bytes())
    assert any("Ann Marked" in each for each in files.values())
    run(home, "legal", "end", hold, "--by", "olaf")
    CliRunner().invoke(app, ["jobs", "--once", "--settings", str(home / "upheld.toml")])
    with pytest.raises(UpheldError) as caught:
        order(home, number)
    assert caught.value.code == "legal-reach"


def test_of_whom_no_value_is_held_a_known_hold_keeps_what_a_partner_told_until_it_ends(
    home: Path,
) -> None:
    """The certificate says so, the desk releases it, and the jobs delete it once it is over."""
    number, provider = customer(home), provider_of(read_settings(home / "upheld.toml"))
    bought = row("ann@marked.example")
    with provider.gate.gate.together() as transaction:
        (person,) = provider.find_people(transaction, "account", number)
        address = {"email": "ann@marked.example"}
        transaction.store(person, address, source="customer", occasion="registration")
        party = parties.add(transaction, "Spruce Point", "business-partner").party
        assert partner_transactions.take(transaction, party, [bought]) == [""]
        assert transaction.drop(person, [*transaction.held_fields(person)])
    issued = ("--by", "olaf", "--issuer", "Larch County Court", "--reference", "3 of 2099")
    times = ("--starts", "2020-01-01", "--ends", "2099-12-31")
    reach = ("--account", number, "--document", str(home / "order.pdf"))
    hold = json.loads(run(home, "legal", "open", "preservation", *issued, *times, *reach, "--json"))
    run(home, "legal", "check", hold["id"], "--by", "cora")
    run(home, "legal", "approve", hold["id"], "--by", "sean")
    certificate = run(home, "person", "erase", person)
    kinds = "transaction, cookie-id, page-request, ip-network"
    assert f"kept: whatever there is of {kinds}, by #ret" in certificate
    name = json.loads(order(home, number, "--field", "transaction", "--json"))["id"]
    run(home, "legal", "check", name, "--by", "cora")
    run(home, "legal", "approve", name, "--by", "sean")
    run(home, "legal", "key", name, KEY, "--by", "cora")
    run(home, "legal", "release", name, "--by", "olaf", "--to", str(home / "out.age"))
    files = opened_files((home / "out.age").read_bytes())
    assert any("A marked boat" in each for each in files.values())
    run(home, "legal", "end", hold["id"], "--by", "olaf")
    CliRunner().invoke(app, ["jobs", "--once", "--settings", str(home / "upheld.toml")])
    with provider.gate.gate.look() as tables:
        assert tables.select_unchecked(partner_transaction, ["party"]) == []
    with pytest.raises(UpheldError, match="nobody's"):
        order(home, number)


def test_an_order_to_preserve_is_opened_beside_another_by_an_option(home: Path) -> None:
    """It is in the list, to be checked."""
    order(home, customer(home), "--preserve")
    lines = run(home, "legal", "list").splitlines()
    assert sorted(line.split()[1] for line in lines) == ["preservation,", "subpoena,"]

"""An incident that is opened while nobody may speak of an order tells nobody of it.

Two copies of a provider, in each of which silent orders are over other people, count the same
people for everything that can be misused, and write the same to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Final, NamedTuple

import pytest

import upheld
from empty import empty_database
from practices import orders
from practices.conftest import House, send
from practices.orders import demand, desk_of
from practices.test_incidents import CONSOLE, HOUR, NOTICE, form, run_job
from practices.twins import MADE_UP, Copies, Twin, copies_of, in_both
from sizes import size
from upheld.core.ids import PersonId
from upheld.database.statements import rows
from upheld.database.transaction import reading
from upheld.gate.erasure.erase import erase
from upheld.gate.operations.backup import backup
from upheld.gate.operations.misuse import (
    BACKUP,
    KEY,
    PARTNER,
    STAFF,
    TABLE,
    TIME,
    Misuse,
    find_affected,
    tables_of_people,
)
from upheld.gate.transaction import GateTransaction
from upheld.practice import operators, parties
from upheld.practices.accounts import domain
from upheld.practices.legal.demands import PRESERVATION
from upheld.practices.messages.carrier import Box
from upheld.practices.messages.delivery import Delivery

TABLES: Final = size("tables about which an incident is opened", short=3, long=100)
LIKELY: Final = ("partner_transaction", "record", "visit_tie")
YEARS: Final = 1500  # days for which the orders are silent


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """What pages tell is the same on every database."""
    return empty_database(tmp_path)


@pytest.fixture
def twins(house: House, sample: upheld.Policy, tmp_path: Path) -> Iterator[Copies]:
    """Two copies of a world: in the second, silent orders are over Ann and a child for years."""
    yield from copies_of(house, sample, tmp_path, days=YEARS)


def back_up(twin: Twin) -> str:
    """The id of a backup, made now."""
    gate = twin.gate.gate
    backup(gate, twin.folder, keys=twin.folder / "escrow", days=30)
    with reading(gate.engine) as connection:
        ((backup_id,),) = rows(connection, "SELECT backup_id FROM backup ORDER BY at DESC LIMIT 1")
    return str(backup_id)


def misuses(twin: Twin, backup_id: str) -> list[Misuse]:
    """Everything that can be misused there, since long before the orders."""
    house = twin.world.house

    with twin.gate.gate.look() as tables:
        named = [(STAFF, str(each.user_id)) for each in operators.all_users(tables)]
    companies = house.do(lambda t: sorted({each.party for each in parties.roles(t)}))
    named += [(PARTNER, each) for each in companies]
    named += [(TABLE, each) for each in sorted(tables_of_people())]
    epoch = str(twin.gate.gate.context.keyring.current.number)
    named += [(KEY, epoch), (BACKUP, backup_id), (TIME, "")]
    now = house.clock.now()
    return [Misuse(kind, name, now - timedelta(days=2 * YEARS), now) for kind, name in named]


def whom(twin: Twin, backup_id: str) -> dict[str, dict[PersonId, frozenset[str]]]:
    """By what was misused, whom that touched and in which kinds of data."""
    gate = twin.gate.gate
    return {
        f"{each.kind} {each.name}": find_affected(gate, each) for each in misuses(twin, backup_id)
    }


def differing(
    plain: Mapping[str, Mapping[PersonId, object]], silent: Mapping[str, Mapping[PersonId, object]]
) -> dict[str, list[PersonId]]:
    """By what was misused, about whom two copies say something else."""
    return {
        what: whose
        for what in plain.keys() | silent.keys()
        if (
            whose := [
                each
                for each in plain[what].keys() | silent[what].keys()
                if plain[what].get(each) != silent[what].get(each)
            ]
        )
    }


class Shown(NamedTuple):
    """What the console shows of an incident and gives as CSV, and what customers are sent."""

    page: str
    sheet: str
    letters: list[tuple[str, str]]
    own: list[str]  # the page of each customer


def things(twin: Twin) -> list[tuple[str, str]]:
    """What is misused, one of each kind and some tables, in the words of the form."""
    names = {*LIKELY, *sorted(tables_of_people())[: TABLES - len(LIKELY)]}
    return [
        *((TABLE, each) for each in sorted(names)),
        (STAFF, "support"),
        (STAFF, "olaf"),  # of the legal desk
        (PARTNER, "Duns"),
        (TIME, ""),
        (KEY, str(twin.gate.gate.context.keyring.current.number)),
        (BACKUP, back_up(twin)),
    ]


def shown(twin: Twin) -> list[Shown]:
    """Open incidents, have their notices approved and sent; what is shown and told of each."""
    house, world = twin.world.house, twin.world
    first, second = (
        house.signed_in(world.visitors[each][1], "staff") for each in ("privacy", "manager")
    )
    since, paths = house.clock.now() - timedelta(days=2 * YEARS), list[str]()
    for kind, subject in things(twin):
        values = form(house, kind=kind, subject=subject, since=f"{since:%Y-%m-%dT%H:%M:%S}")
        answer = send(first, CONSOLE, values)
        assert answer.status_code == HTTPStatus.SEE_OTHER, answer.text
        paths.append(str(answer.headers["location"]).split("?", maxsplit=1)[0])
    run_job(house)
    for path in paths:
        send(first, f"{path}/draft", {"notice": NOTICE}, path)
        send(second, f"{path}/approve", {}, path)
    run_job(house)
    box = Box()
    Delivery(house.provider, box).run(house.provider.gate.gate)
    sent = [
        (str(each["To"]), each.get_body(("plain",)).get_content())  # type: ignore[union-attr] # each has a text
        for each in box.messages
    ]
    customers = [house.signed_in(each) for each in (world.ann, world.visitors["bo"][1])]
    return [
        Shown(
            MADE_UP.sub("…", first.get(path).text),
            MADE_UP.sub("…", first.get(f"{path}/counts.csv").text),
            sorted((to, text.replace(mine, "")) for to, text in sent if mine in text),
            [MADE_UP.sub("…", each.get(mine).text) for each in customers],
        )
        for path in paths
        for mine in [path.replace("/staff", "/me")]
    ]


def test_no_incident_tells_of_an_order_that_is_silent(
    twins: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, once time took what they had and after an erasure it counts and tells the same."""
    ids = in_both(0, monkeypatch, twins.both, back_up)

    def dropped(twin: Twin) -> list[Shown]:
        twin.world.house.do(lambda t: t.drop(twin.world.ann, ["occupation"]))
        twin.pass_days(900)
        return shown(twin)

    def erased(twin: Twin) -> list[Shown]:
        erase(twin.gate.gate, [twin.world.child])
        twin.pass_days(40)
        return []

    for turn, work in enumerate((lambda _: [], dropped, erased), start=1):
        one, other = in_both(turn, monkeypatch, twins.both, work)
        assert one == other
        assert turn != 2 or sum(bool(each.letters) for each in one) > len(LIKELY) // 2
        plain, silent = (whom(each, its) for each, its in zip(twins.both, ids, strict=True))
        assert plain.keys() == silent.keys()
        assert differing(plain, silent) == {}, turn
        assert sum(map(bool, plain.values())) > len(LIKELY)


def test_tables_of_the_legal_desk_are_no_tables_to_whoever_works_on_incidents(house: House) -> None:
    """They are refused in the words for one that is not there; an earlier incident counts none."""
    desk, ann = desk_of(house), house.customer()
    orders.approved(house, desk, demand(house, ann))
    gate, now = house.provider.gate.gate, house.clock.now()
    pia = house.signed_in(house.staff("privacy", sign_in="pia"), "staff")
    answers = [
        send(pia, CONSOLE, form(house, kind=TABLE, subject=each)).text.replace(each, "…")
        for each in ("legal_reach", "legal_rough")
    ]
    assert "no such table" in answers[0]
    assert MADE_UP.sub("…", answers[0]) == MADE_UP.sub("…", answers[1])
    assert find_affected(gate, Misuse(TABLE, "legal_reach", now - HOUR, now)) == {}


def test_records_of_legal_process_alone_make_nobody_one_whom_a_misuse_touched(house: House) -> None:
    """Whoever has no record but those of a silent hold and of an order has none to an incident."""

    def enrol(transaction: GateTransaction) -> PersonId:
        person = transaction.enrol()
        for values in ({"birth-date": "1990-02-01"}, {"name": "Cy", "email": "cy@marked.example"}):
            transaction.store(person, values, source="customer", occasion="registration")
        domain.open_account(transaction, person, agreement_digest="0" * 64)
        return person

    desk, ann, cy = desk_of(house), house.customer(), house.do(enrol)
    silence = house.clock.now() + timedelta(days=20)
    hold = demand(house, cy, ann, kind=PRESERVATION, recipient="", fields=(), silence_end=silence)
    orders.approved(house, desk, hold)
    orders.approved(house, desk, demand(house, cy, silence_end=silence))
    gate, now = house.provider.gate.gate, house.clock.now()
    assert find_affected(gate, Misuse(TABLE, "record", now - HOUR, now)).keys() == {ann}
    assert house.do(lambda t: t.people_with_any_record([cy], "hold")) == [cy]

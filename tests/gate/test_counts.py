"""What the policy page tells of its clauses: counted out of the log once, and nothing silenced."""

from __future__ import annotations

import random
import threading
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gate.conftest import Told, customer, later
from gate.test_gate import OFFERS, TO_PARTNER
from ledger.logs import OTHER, SIGNER
from sizes import size
from upheld.core.ids import PersonId
from upheld.database import rows as database
from upheld.database.seals import SealedError
from upheld.database.statements import rows, run
from upheld.database.transaction import reading, writing
from upheld.gate.act.request import Refused
from upheld.gate.gate import Gate
from upheld.gate.log import entries
from upheld.gate.log.checkpointer import Checkpointer
from upheld.gate.operations import clause_counts, published_counts
from upheld.gate.tables import published_count
from upheld.ledger import counts as ledger
from upheld.ledger.counts import SMALL
from upheld.ledger.entries import Entry, EntryError, decode
from upheld.ledger.note import NoteError

LAWS = size("made-up histories that are counted, on each database", short=8, long=100)
TOGETHER = 20  # counters at once
LEGALLY = {"purpose": "legal-process", "occasion": "other"}
CLAUSES = ("service", "registration", "offers", "retention")
MADE = st.lists(
    st.tuples(
        st.sampled_from(["act", "refusal", "import", "retention", "late", "person", "sent"]),
        st.lists(st.sampled_from(CLAUSES), max_size=3),
        st.sampled_from(["", "offers", "legal-process"]),
        st.sampled_from(["", "supplier", "customer", "law-enforcement Ann"]),
        st.sampled_from([(), ("email",), ("email", "name"), ("email", "phone")]),
        st.sampled_from(["", "7"]),
        st.integers(0, 40),  # days until the next
        st.integers(0, 3),  # people; with one, it is theirs
    ),
    max_size=30,
)


def write(gate: Gate, clock: Told, made: list[tuple[Any, ...]]) -> None:
    """Write a made-up history."""
    people = [gate.enrol() for _ in range(3)]
    for kind, clauses, purpose, recipient, data, after, days, many in made:
        entry = Entry(
            kind=kind,
            time="",
            action="share",
            outcome="allow" if kind == "act" else "",
            clauses=tuple(clauses),
            purpose=purpose,
            recipient=recipient,
            data=data,
            after=after,
        )
        whose = None if not many else people[0] if many == 1 else people[:many]
        with writing(gate.engine) as connection:
            entries.write(connection, entry, whose, gate.clock.now())
        later(gate, clock, days)


def plainly(gate: Gate) -> tuple[Counter[Any], Counter[Any], Counter[Any]]:
    """The same counts by the plainest look at the whole log."""
    decided, refused, disclosed = Counter[Any](), Counter[Any](), Counter[Any]()
    group = {"email": "contact-details", "phone": "contact-details", "name": "identity"}
    with reading(gate.engine) as connection:
        listed = rows(connection, "SELECT body FROM entry ORDER BY number")
    for (body,) in listed:
        entry = decode(bytes(body))
        if entry.kind not in ("act", "refusal", "import", "retention"):
            continue
        if entry.after or entry.purpose == "legal-process":
            continue
        times = entry.batch.count if entry.batch else 1
        month = entry.time[:7]
        for clause in {*entry.clauses}:
            decided[month, clause] += times
            refused[month, clause] += times * (entry.kind == "refusal")
        if entry.kind == "act" and entry.recipient not in ("", "customer"):
            for information in {group[each] for each in entry.data}:
                disclosed[month, information, entry.recipient.split(" ")[0]] += times
    return +decided, +refused, +disclosed


def tables(gate: Gate) -> tuple[Counter[Any], Counter[Any], Counter[Any]]:
    """What the job has counted."""
    with reading(gate.engine) as connection:
        listed = rows(connection, "SELECT month, clause, decided, refused FROM clause_count")
        other = rows(
            connection, "SELECT month, information, recipient, times FROM disclosure_count"
        )
    return (
        +Counter({(month, clause): many for month, clause, many, _ in listed}),
        +Counter({(month, clause): many for month, clause, _, many in listed}),
        +Counter({tuple(key): many for *key, many in other}),
    )


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of seven entries."""
    monkeypatch.setattr(clause_counts, "PAGE", 7)


def test_the_counts_are_those_of_the_whole_log(gate: Gate, clock: Told, small_pages: None) -> None:
    """However the log grew and in whatever slices, they equal a plain count over all of it."""
    del small_pages

    @hypothesis_settings(
        max_examples=LAWS, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    @given(MADE, st.booleans())
    def law(made: list[tuple[Any, ...]], between: bool) -> None:
        if between:
            clause_counts.count(gate)
        write(gate, clock, made)
        while clause_counts.count(gate):
            pass
        assert tables(gate) == plainly(gate)

    law()


def test_twenty_who_count_at_once_count_once(gate: Gate, clock: Told, small_pages: None) -> None:
    """Whoever comes second finds that it was done, and nothing counts twice."""
    del small_pages
    draw = random.Random(7)  # noqa: S311 - a history, no secret
    write(
        gate,
        clock,
        [
            (draw.choice(["act", "refusal"]), ["service"], "", "supplier", ("email",), "", 0, 1)
            for _ in range(60)
        ],
    )
    gathered: list[BaseException] = []

    def work() -> None:
        try:
            clause_counts.count(gate)
        except BaseException as error:  # noqa: BLE001 - told below
            gathered.append(error)

    threads = [threading.Thread(target=work) for _ in range(TOGETHER)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert gathered == []
    while clause_counts.count(gate):
        pass
    assert tables(gate) == plainly(gate)


def test_what_breaks_off_half_way_is_counted_once(
    gate: Gate, person: PersonId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies after its rows and before its place has written neither."""
    del person
    with monkeypatch.context() as patch:
        patch.setattr(database, "insert", _broken)
        with pytest.raises(KeyboardInterrupt):
            clause_counts.count(gate)
    assert tables(gate) == (Counter(), Counter(), Counter())
    clause_counts.count(gate)
    assert tables(gate) == plainly(gate)
    assert tables(gate)[0]


def _broken(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_nothing_of_a_silenced_act_moves_a_number(
    gate: Gate, clock: Told, person: PersonId
) -> None:
    """Not while the order forbids to speak of it, and not when it has ended."""
    another = customer(gate)
    clause_counts.count(gate)
    before = tables(gate)
    orders = []
    for whose in (person, another):
        for fact, about in (
            ("legal-instrument", {"data": ["email"], "recipient": ["court"]}),
            ("gag-order", None),
        ):
            orders.append((whose, gate.record(whose, "instrument", fact=fact, about=about)))
        orders.append((whose, gate.record(whose, "hold", fact="legal-hold")))
        for _ in range(SMALL + 5):
            with suppress(Refused):
                gate.share(whose, ["email"], recipient="court", **LEGALLY)
    gate.sweep("store", [person, another], ["email"])
    assert len(kinds(gate, "act", "refusal")) > 2 * SMALL
    clause_counts.count(gate)
    assert tables(gate) == before
    for whose, order in orders:
        gate.withdraw(whose, order)
    later(gate, clock, 40)
    clause_counts.count(gate)
    assert tables(gate) == before


def test_an_act_that_no_order_can_decide_counts_whoever_it_is_about(
    gate: Gate, person: PersonId
) -> None:
    """Else somebody's number would fall with the order, and tell of it."""
    gate.record(person, "instrument", fact="gag-order")
    clause_counts.count(gate)
    before = sum(tables(gate)[0].values())
    gate.serve(person)
    gate.sweep("serve", [person, customer(gate)])
    clause_counts.count(gate)
    assert tables(gate)[0]["2026-03", "service"] >= 3
    assert sum(tables(gate)[0].values()) > before


def kinds(gate: Gate, *wanted: str) -> list[Entry]:
    """The entries of some kinds."""
    with reading(gate.engine) as connection:
        found = entries.within(connection, 1, 1 << 40)
        return [entry for _, entry in found if entry.kind in wanted]


def busy(gate: Gate, person: PersonId, times: int) -> None:
    """Let a clause decide so often, and something be disclosed."""
    gate.record(person, "consent", about=OFFERS)
    for _ in range(times):
        gate.serve(person)
        gate.share(person, ["email"], **TO_PARTNER)


def test_a_month_is_published_once_and_its_noise_drawn_once(
    gate: Gate, clock: Told, person: PersonId
) -> None:
    """When it is over, with its digest in the log; the ranges hold the counts at each look."""
    busy(gate, person, 40)
    published_counts.keep(gate)
    assert published_counts.latest(gate).counts is None
    later(gate, clock, 31)
    for _ in range(3):
        published_counts.keep(gate)
    decided, refused, disclosed = tables(gate)
    (entry,) = kinds(gate, "counts")
    first = published_counts.latest(gate)
    assert first.counts is not None
    assert (entry.id, entry.values) == ("2026-03", (ledger.digest(first.counts),))
    assert first.counts.since == "2026-03-11"
    for each in first.counts.clauses:
        for told, count in ((each.decided, decided), (each.refused, refused)):
            assert told.least <= count["2026-03", each.clause] <= told.most
    (one,) = first.counts.disclosures
    assert (one.information, one.recipient) == ("contact-details", "business-partner")
    assert one.times.least <= disclosed["2026-03", one.information, one.recipient] <= one.times.most
    assert not one.times.small
    busy(gate, person, 3)
    published_counts.keep(gate)
    assert published_counts.latest(gate).counts == first.counts
    with writing(gate.engine) as connection:  # as a restore of an older backup does
        for (month,) in rows(connection, "SELECT month FROM published_count"):
            database.delete(connection, published_count, "month = ?", month)
    published_counts.keep(gate)
    assert published_counts.latest(gate).counts == first.counts


def test_what_is_seldom_is_told_by_its_month_and_what_is_often_by_its_day(
    gate: Gate, clock: Told, person: PersonId
) -> None:
    """A single act has no day on the page."""
    busy(gate, person, 40)
    gate.withdraw(person, gate.record(person, "consent", about=OFFERS))
    later(gate, clock, 31)
    published_counts.keep(gate)
    last = published_counts.latest(gate).last
    assert last["service"] == "2026-03-11"
    assert last["registration"] == "2026-03"


def test_disclosures_are_those_of_twelve_months(gate: Gate, clock: Told, person: PersonId) -> None:
    """What is older is told no more, nor kept as a number."""
    busy(gate, person, 25)
    later(gate, clock, 330)
    published_counts.keep(gate)
    found = published_counts.latest(gate).counts
    assert found is not None
    assert (found.month, found.since) == ("2027-01", "2026-03-11")
    assert [str(each.times) for each in found.disclosures] != []
    later(gate, clock, 150)
    gate.serve(person)
    published_counts.keep(gate)
    found = published_counts.latest(gate).counts
    assert found is not None
    assert (found.month, found.since, found.disclosures) == ("2027-06", "2026-07-01", ())
    assert {month for month, _ in tables(gate)[0]} == {"2027-07"}


def test_a_table_is_verified_by_the_key_of_the_log_alone(
    gate: Gate, clock: Told, person: PersonId
) -> None:
    """And no other table is, nor one by another log, nor one that no checkpoint covers yet."""
    busy(gate, person, 25)
    later(gate, clock, 31)
    published_counts.keep(gate)
    unsigned = published_counts.signed(gate)
    assert unsigned is not None
    assert unsigned.receipt is None
    with pytest.raises(EntryError, match="has no receipt"):
        ledger.verify_counts(ledger.write_signed(unsigned), SIGNER.key)
    Checkpointer(gate.engine, SIGNER.name, SIGNER).run()
    signed = published_counts.signed(gate)
    assert signed is not None
    raw = ledger.write_signed(signed)
    found, covered, _ = ledger.verify_counts(raw, SIGNER.key)
    assert (found, covered.origin) == (signed.counts, SIGNER.name)
    with pytest.raises(NoteError):
        ledger.verify_counts(raw, OTHER.key)
    for changed in (
        raw.replace(b'"most":19', b'"most":18', 1),
        raw.replace(b'"month":"2026-03"', b'"month":"2026-02"'),
        raw.replace(b'"recipient":"business-partner"', b'"recipient":"supplier"'),
    ):
        assert changed != raw
        with pytest.raises(EntryError, match="names another table"):
            ledger.verify_counts(changed, SIGNER.key)
    for broken in (b"", b"{}", raw + b"\n", raw[:-2], raw.replace(b'"counts":', b'"counts": ')):
        with pytest.raises(EntryError):
            ledger.verify_counts(broken, SIGNER.key)


def test_a_published_table_that_was_changed_is_not_shown(
    gate: Gate, clock: Told, person: PersonId
) -> None:
    """Its row is sealed: whoever has the database and no keys changes nothing on the page."""
    busy(gate, person, 25)
    later(gate, clock, 31)
    published_counts.keep(gate)
    with writing(gate.engine) as connection:
        run(connection, "UPDATE published_count SET body = replace(body, '19', '18')")
    with pytest.raises(SealedError):
        published_counts.latest(gate)

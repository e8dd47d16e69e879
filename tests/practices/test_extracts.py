"""Extracts: who is in one, under which name, who opens it, and what is left when it ends."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest

import upheld
from practices.ads import crowd
from practices.conftest import House, send
from practices.extracts import WISH, approved_extract, extract_of
from practices.test_reports import used
from practices.without import without
from upheld.core.ids import ExtractId, PersonId, UserId
from upheld.demo import sample_policy
from upheld.gate.erasure.erase import erase
from upheld.gate.log.receipts import AccountQuery
from upheld.gate.transaction import Transaction
from upheld.practices.extracts import crosstabs, extracts
from upheld.practices.extracts.cells import cells
from upheld.practices.extracts.extracts import Extract, ExtractError
from upheld.practices.extracts.tables import extract, extract_person
from upheld.vault import people as vault

HERE = "/staff/extracts"
MONTH = "2026-01"
PEOPLE = 52


@pytest.fixture(name="desk")
def _desk(house: House) -> tuple[UserId, UserId]:
    """An analyst and a manager."""
    return house.staff("analyst", sign_in="ana"), house.staff("manager", sign_in="max")


def users(house: House, size: int = PEOPLE) -> list[PersonId]:
    """People who used a service in the month."""
    people = crowd(house, size)
    for at, each in enumerate(people):
        used(house, each, 0.5 if at else 77, MONTH)
    return people


def rows(house: House, its: Extract, user: UserId, page: int = 1) -> dict[str, list[str]]:
    """The rows of a page of an extract, by pseudonym."""
    return dict(house.do(lambda t: extracts.open_rows(t, its.extract_id, page, user)).rows)


def test_whoever_objects_or_is_erased_is_in_it_no_more(
    house: House, desk: tuple[UserId, UserId]
) -> None:
    """From the next opening on, and for good; each reads of the use in their account."""
    people = users(house, PEOPLE + 1)
    about = {"purpose": ["service-improvement"]}
    house.do(lambda t: t.record(people[0], "objection", fact="objected", about=about))
    its = approved_extract(house, *desk)
    before = rows(house, its, desk[0])
    assert (its.state, len(before)) == ("open", PEOPLE)
    assert {tuple(each) for each in before.values()} == {("0 to under 1 gigabytes",)}
    entries = [each.entry for each in house.provider.gate.gate.entries(people[1])]
    uses = [(e.purpose, e.clauses) for e in entries if e.action == "use"]
    assert uses == [("service-improvement", ("improving",))] * 2
    house.do(lambda t: t.record(people[1], "objection", fact="objected", about=about))
    erase(house.provider.gate.gate, [people[2]])
    after = rows(house, its, desk[0])
    assert len(after) == PEOPLE - 2
    assert {*after} < {*before}
    left = house.do(lambda t: t.tables.select_unchecked(extract_person, ["person_id"]))
    assert not {people[0], people[1], people[2]} & {each for (each,) in left}


def test_one_of_whom_too_few_are_left_ends_before_a_row_is_read(
    house: House, desk: tuple[UserId, UserId]
) -> None:
    """What would not have been opened so small is not read so small."""
    people = users(house)
    its = approved_extract(house, *desk)
    assert len(rows(house, its, desk[0])) == PEOPLE
    about = {"purpose": ["service-improvement"]}
    house.do(lambda t: t.record_each(people[1:4], "objection", fact="objected", about=about))
    assert rows(house, its, desk[0]) == {}
    ended = house.do(lambda t: extracts.require(t.tables, its.extract_id))
    assert (ended.state, ended.why) == ("ended", extracts.TOO_FEW)


def test_whoever_is_being_erased_is_left_out_and_the_others_are_read(
    house: House, desk: tuple[UserId, UserId]
) -> None:
    """An erasure that is stuck halfway keeps nobody else's row away."""
    people = users(house, PEOPLE + 1)
    its = approved_extract(house, *desk)

    def begin_erasing(transaction: Any) -> None:
        keyring = transaction.context.keyring
        person = vault.open_person(transaction.connection, keyring, people[0])
        vault.change_state(transaction.connection, person, vault.ERASING)

    house.do(begin_erasing)
    assert len(rows(house, its, desk[0])) == PEOPLE


def test_no_page_has_few_rows_and_no_entry_of_an_opening_is_of_one_person(
    house: House, desk: tuple[UserId, UserId], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last page has what is left over too: an entry of one would say whose a pseudonym was."""
    people = users(house)
    its = approved_extract(house, *desk)
    monkeypatch.setattr(extracts, "PAGE", 17)
    pages = [rows(house, its, desk[0], page) for page in (1, 2, 3, 4)]
    assert [len(each) for each in pages] == [17, 17, 18, 18]
    assert pages[3] == pages[2]
    gate = house.provider.gate.gate
    uses = [e for each in people for e in gate.entries(each) if e.entry.action == "use"]
    assert uses
    assert not any(each.person_id for each in uses)


def test_pseudonyms_are_of_one_extract_alone_and_their_key_goes_with_it(
    house: House, desk: tuple[UserId, UserId]
) -> None:
    """Two of the same people share no name and no order; nothing of one that ended is left."""
    users(house)
    first = approved_extract(house, *desk, days=7)
    second = approved_extract(house, *desk, days=90)
    names = [rows(house, each, desk[0]) for each in (first, second)]
    assert not {*names[0]} & {*names[1]}
    assert list(names[0]) == sorted(names[0])
    amounts = [list(each.values()) for each in names]
    assert amounts[0].count(["50 to under 100 gigabytes"]) == 1
    keys = house.do(lambda t: [each.key for each in extracts.every(t.tables)])
    assert len({*keys}) == 2
    house.clock.moved += timedelta(days=8)
    assert extracts.go_on(house.provider.gate.gate) == 1
    ended = house.do(lambda t: extracts.require(t.tables, first.extract_id))
    assert (ended.state, ended.why, ended.key) == ("ended", extracts.OVER, None)
    with pytest.raises(ExtractError, match="not open"):
        rows(house, first, desk[0])
    left = house.do(lambda t: t.tables.select_unchecked(extract_person, ["extract_id"]))
    assert {each for (each,) in left} == {second.extract_id}


def test_it_opens_no_more_once_its_term_is_over_whether_the_job_ran_or_not(
    house: House, desk: tuple[UserId, UserId]
) -> None:
    """Its page leads back, and says why."""
    users(house)
    its = approved_extract(house, *desk, days=7)
    house.clock.moved += timedelta(days=7)
    analyst = house.signed_in(desk[0], "staff")
    answer = analyst.get(f"{HERE}/{its.extract_id}/rows")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{HERE}/{its.extract_id}")


def test_nobody_decides_on_what_they_asked_for_and_one_of_two_answers_counts(
    house: House, desk: tuple[UserId, UserId]
) -> None:
    """Twenty at once, of whom one is first."""
    extract_id = extract_of(house, desk[1])
    with pytest.raises(ExtractError, match="somebody else"):
        house.do(lambda t: extracts.approve(t, extract_id, desk[1]))
    others = [house.staff("manager", sign_in=f"m{at}") for at in range(20)]

    def answer(at: int) -> bool:
        try:
            if at % 2:
                house.do(lambda t: extracts.approve(t, extract_id, others[at]))
            else:
                house.do(lambda t: extracts.refuse(t, extract_id, others[at], reason="No"))
        except ExtractError:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(answer, range(20))) == 1


def test_one_of_fewer_people_than_the_smallest_group_ends_at_once(
    house: House, desk: tuple[UserId, UserId]
) -> None:
    """Nobody opens it, and nobody is in it any more."""
    users(house, 49)
    its = approved_extract(house, *desk)
    assert (its.state, its.why) == ("ended", extracts.TOO_FEW)
    assert house.do(lambda t: t.tables.select_unchecked(extract_person, ["person_id"])) == []


def test_the_policy_says_what_rows_may_say_and_for_what(
    open_house: Callable[..., House],
) -> None:
    """What it lets us use as counts alone is in no row; without the clause there is none."""
    house = open_house(upheld.load(sample_policy()))
    desk = house.staff("analyst", sign_in="ana"), house.staff("manager", sign_in="max")
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"purpose": "research"}, "counts of groups alone"),
        ({"columns": ("gender",), "month": ""}, "does not let us"),
    ]
    for other, why in wrong:
        with pytest.raises(ExtractError, match=why):
            extract_of(house, desk[0], **other)
    duties = "\n    with minimum-group 50, privacy-budget"
    text = sample_policy().read_text(encoding="utf-8")
    free = text.replace(f"research, reporting{duties}", "research").replace(
        "with minimum-group 50, privacy-budget\n", "\n"
    )
    policy = upheld.load_text(free)
    assert extracts.why_not(policy, "gender", "research") == ""
    assert extracts.why_not(without("improving"), "usage", WISH.purpose)


def test_what_cannot_be_asked_for_is_refused(house: House, desk: tuple[UserId, UserId]) -> None:
    """No column, month, share or term of one's own making; nothing of a month that is not over."""
    wishes: list[dict[str, Any]] = [
        {"columns": ()},
        {"columns": ("name",)},
        {"columns": ("usage\x00",)},
        {"month": "2026-03"},
        {"month": "2026-02", "months": 3},
        {"month": ""},
        {"month": "2026"},
        {"month": "2026-1"},
        {"months": 2},
        {"one_in": 0},
        {"one_in": -1},
        {"days": 10_000},
        {"purpose": "advertising"},
        {"reason": " \n"},
    ]
    for wrong in wishes:
        with pytest.raises(ExtractError):
            extract_of(house, desk[0], **wrong)
    assert house.do(lambda t: extracts.every(t.tables)) == []


def test_one_that_is_cut_off_is_gathered_by_the_job_and_nobody_is_in_it_twice(
    house: House, desk: tuple[UserId, UserId], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is killed after its first lot."""
    users(house)
    monkeypatch.setattr(extracts, "LOT", 20)
    extract_id = extract_of(house, desk[0])
    house.do(lambda t: extracts.approve(t, extract_id, desk[1]))
    gathering = extracts._gather_lot
    lots: list[list[PersonId]] = []

    def cut(transaction: Transaction, its: Extract, people: list[PersonId]) -> None:
        lots.append(people)
        if len(lots) == 2:
            raise RuntimeError("killed")
        gathering(transaction, its, people)

    gate = house.provider.gate.gate
    monkeypatch.setattr(extracts, "_gather_lot", cut)
    with pytest.raises(RuntimeError):
        extracts.gather(gate, extract_id)
    assert extracts.go_on(gate) == 1
    its = house.do(lambda t: extracts.require(t.tables, extract_id))
    assert its.state == "open"
    assert house.do(lambda t: extracts.size(t.tables, its)) == PEOPLE


def test_one_that_ends_while_it_is_gathered_has_nobody_in_it(
    house: House, desk: tuple[UserId, UserId], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of the two is first."""
    users(house)
    monkeypatch.setattr(extracts, "LOT", 5)
    extract_id = extract_of(house, desk[0])
    house.do(lambda t: extracts.approve(t, extract_id, desk[1]))
    gate = house.provider.gate.gate
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(extracts.gather, gate, extract_id)
        house.do(lambda t: extracts.end(t, extract_id, "No", desk[1]))
        first.result()
    its = house.do(lambda t: extracts.require(t.tables, extract_id))
    assert (its.state, house.do(lambda t: extracts.size(t.tables, its))) == ("ended", 0)


def test_rows_say_bands_and_never_a_value() -> None:
    """A word that is in no band says nothing; so does a birth date that is none."""
    columns = ("age-range", "gender", "interests", "zip", "transaction")
    values = {
        "birth-date": "1990-02-01",
        "gender": "F",
        "interests": "gardening, secret things, books",
        "zip": "98225-1234",
    }
    charged = ['{"kind": "invoice", "date": "2026-01-03", "cents": 1234}', "no row"]
    today = date(2026, 3, 11)
    row = cells(columns, ["2026-01", "2026-02"], values, {"transaction": charged}, today)
    assert row == [
        ["35 to 44"],
        ["women"],
        ["gardening", "reading"],
        ["982"],
        ["10 to under 25 dollars"],
        [],
    ]
    assert cells(columns, [], {"birth-date": "soon"}, {}, today) == [[], [], [], []]


def test_an_analyst_asks_another_says_yes_and_rows_are_read_at_the_desk_alone(
    house: House, desk: tuple[UserId, UserId]
) -> None:
    """No manager, no client outside and nobody else reads rows; each opening is an entry."""
    people = users(house)
    form = {
        "purpose": "service-improvement",
        "columns": "usage",
        "month": MONTH,
        "months": "1",
        "one_in": "1",
        "days": "7",
        "reason": "Who <b>uses</b> little?",
    }
    analyst, manager = (house.signed_in(each, "staff") for each in desk)
    answer = send(analyst, HERE, form)
    assert answer.status_code == 303, answer.text
    path = answer.headers["location"].split("?")[0]
    assert send(analyst, path, {"verdict": "approve"}).status_code == 403
    assert analyst.get(f"{path}/rows").status_code == 303
    assert "waits for a yes" in manager.get("/staff").text
    assert send(manager, path, {"verdict": "refuse"}).status_code == 409
    assert send(manager, path, {"verdict": "approve"}).status_code == 303
    page = analyst.get(f"{path}/rows?page=9").text
    assert len(re.findall(r"<code>[0-9a-f]{16}</code>", page)) == PEOPLE
    assert "50 to under 100 gigabytes" in page
    assert "77" not in re.sub(
        r"<code>.*?</code>", "", page.split("<table", 1)[1].split("</table")[0]
    )
    assert not any(each in page for each in people)
    assert "Who &lt;b&gt;uses" in manager.get(path).text
    assert manager.get(f"{path}/rows").status_code == 403
    assert analyst.head(f"{path}/rows").status_code == 200
    for wrong in ("x", "-1", "٣", "9" * 50, ""):
        assert analyst.get(f"{path}/rows", params={"page": wrong}).status_code == 200
    kinds = house.do(lambda t: [e.entry for e in t.stored_entries(AccountQuery())])
    opened = [each for each in kinds if each.kind == extracts.OPENED]
    assert [each.actor for each in opened] == [f"staff {desk[0]}"] * 6
    assert send(analyst, f"{path}/end", {}, page=path).status_code == 303
    assert analyst.get(f"{path}/rows").status_code == 303
    assert analyst.get(f"{HERE}/{'0' * 32}/rows").status_code == 404
    row = house.do(lambda t: t.tables.get(extract, "extract_id = ?", path.rsplit("/", 1)[1]))
    assert row is not None
    assert row.key is None
    assert ExtractId(row.extract_id)


def test_a_crosstab_has_as_many_people_as_rows_are_read_in_both_bands(
    house: House, desk: tuple[UserId, UserId], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows, read one by one, are the oracle; whoever objected meanwhile is in neither."""
    monkeypatch.setattr(crosstabs, "LOT", 7)
    people = users(house, PEOPLE + 1)
    for each in people[: PEOPLE // 2]:
        used(house, each, 20, "2026-02")
    its = approved_extract(house, *desk, months=3, month="2025-12")
    about = {"purpose": ["service-improvement"]}
    house.do(lambda t: t.record(people[3], "objection", fact="objected", about=about))
    gate = house.provider.gate.gate
    table = crosstabs.crosstab(gate, its.extract_id, 1, 2, desk[0])
    assert table
    oracle = Counter(
        (row[1] or crosstabs.NOT_KNOWN, row[2] or crosstabs.NOT_KNOWN)
        for row in rows(house, its, desk[0]).values()
    )
    assert table.counts == oracle
    assert (table.people, sum(oracle.values())) == (PEOPLE, PEOPLE)
    assert table.down == ["0 to under 1 gigabytes", "50 to under 100 gigabytes"]
    assert table.across == ["10 to under 50 gigabytes", crosstabs.NOT_KNOWN]
    purposes = [each.entry.purpose for each in gate.entries(people[0])]
    assert purposes.count("service-improvement") == 1 + 1 + 1  # gathered, counted, their row read


def test_a_crosstab_of_too_few_ends_the_extract_and_one_of_too_many_is_refused(
    house: House, desk: tuple[UserId, UserId], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is counted in either, and nobody in one of headings that rows do not have."""
    people = users(house)
    its = approved_extract(house, *desk, months=3, month="2025-12")
    gate = house.provider.gate.gate
    for places in ((0, 0), (0, 3), (-1, 1)):
        with pytest.raises(ExtractError):
            crosstabs.crosstab(gate, its.extract_id, *places, desk[0])
    monkeypatch.setattr(crosstabs, "COUNTED_MAX", PEOPLE - 1)
    with pytest.raises(ExtractError, match="more than"):
        crosstabs.crosstab(gate, its.extract_id, 0, 1, desk[0])
    monkeypatch.undo()
    about = {"purpose": ["service-improvement"]}
    house.do(lambda t: t.record_each(people[:3], "objection", fact="objected", about=about))
    assert crosstabs.crosstab(gate, its.extract_id, 0, 1, desk[0]) is None
    assert house.do(lambda t: extracts.require(t.tables, its.extract_id)).state == extracts.ENDED


def test_an_analyst_alone_counts_an_extract_at_the_desk(
    house: House, desk: tuple[UserId, UserId]
) -> None:
    """The page counts nobody until two things are chosen, and refuses what is not on its lists."""
    users(house)
    its = approved_extract(house, *desk, months=3, month="2025-12")
    analyst, manager = (house.signed_in(each, "staff") for each in desk)
    path = f"{HERE}/{its.extract_id}/counts"
    assert manager.get(path).status_code == 403
    assert path in analyst.get(f"{HERE}/{its.extract_id}").text
    assert "<table" not in analyst.get(path).text
    page = analyst.get(path, params={"down": "1", "across": "0"})
    assert page.status_code == 200
    assert "50 to under 100 gigabytes" in page.text
    assert f'data-label="{crosstabs.NOT_KNOWN}">{PEOPLE - 1}<' in page.text
    for wrong in ({"down": "1"}, {"down": "1", "across": "1"}, {"down": "x", "across": "٣"}):
        answer = analyst.get(path, params=wrong)
        assert answer.status_code == 422
        assert "<table" not in answer.text
    assert analyst.head(path).content == b""
    assert send(analyst, f"{HERE}/{its.extract_id}/end", {}).status_code == 303
    assert analyst.get(path).status_code == 303

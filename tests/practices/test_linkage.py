"""Likeness: whom a line of a partner's tells of by name, birth date and zip; who is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import upheld
from practices.conftest import House, send
from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId, TaskId, UserId
from upheld.database.statements import rows
from upheld.database.transaction import reading
from upheld.demo import sample_policy
from upheld.gate.erasure.erase import erase
from upheld.gate.transaction import Transaction
from upheld.practice import parties, tasks
from upheld.practices.accounts.tables import account
from upheld.practices.feeds import feeds, linking, questions, synthetic, withdrawal
from upheld.practices.feeds.feeds import Feed, FeedLine
from upheld.practices.feeds.likeness import (
    KEYS,
    LOWEST,
    THRESHOLD,
    Identity,
    Pair,
    identity,
    settle,
)
from upheld.practices.feeds.linking import Thresholds

COMBINE = "may combine profile, transaction from business-partner"
MILL = {"name": "Rosalind Millward", "birth-date": "1984-05-17", "zip": "97701"}
NEAR = {"name": "Rosa Millward", "birth-date": "1984-05-17", "zip": "97701"}
DEFAULT = Thresholds()
ASKED = Thresholds(0.999999, 0.5)  # so that whoever is alike is asked about


@pytest.fixture(name="linking_policy", scope="module")
def _linking_policy() -> upheld.Policy:
    """The sample policy, with the clause on combining for names too."""
    text = sample_policy().read_text(encoding="utf-8")
    return upheld.load_text(text.replace(COMBINE, COMBINE.replace("profile", "name, profile")))


@pytest.fixture(name="linked")
def _linked(open_house: Callable[..., House], linking_policy: upheld.Policy) -> House:
    """A provider whose policy lets names be combined, with customers and a business partner."""
    house = open_house(linking_policy)
    house.do(lambda t: parties.add(t, "Spruce Point", "business-partner"))
    for number, name in enumerate(("Otto Brandt", "Lena Okafor", "Imre Nagy", "Ada Quill")):
        born = f"19{60 + number}-0{number + 1}-11"
        house.customer(f"c{number}@marked.example", born, name=name, zip=f"9{number}001")
    return house


def customer(
    house: House, who: Mapping[str, str] = MILL, email: str = "r@marked.example"
) -> PersonId:
    """A customer by what they are compared by."""
    more = {key: value for key, value in who.items() if key != "birth-date"}
    return house.customer(email, who["birth-date"], **more)


def take(
    house: House,
    *lines: Mapping[str, str],
    limits: Thresholds = DEFAULT,
    digest: str = "d1",
) -> tuple[Feed, dict[int, str]]:
    """Take in a feed with linking; the feed, and why which line was left out."""
    gate = house.provider.gate.gate
    its = house.do(lambda t: feeds.start(t, "spruce-point", digest, UserId("u1")))
    split = [
        FeedLine(
            number,
            {key: value for key, value in each.items() if key not in KEYS},
            {key: value for key, value in each.items() if key in KEYS},
        )
        for number, each in enumerate(lines, 2)
    ]
    reasons = {e.number: e.reason for e in linking.take_linked(gate, its, split, limits)}
    return house.do(lambda t: feeds.require(t.tables, its.feed_id)), reasons


def holds(house: House, person: PersonId) -> set[str]:
    """The kinds of data that are held of somebody."""
    return set(house.do(lambda t: t.held_fields(person)))


def open_question(house: House, person: PersonId) -> TaskId:
    """The one question that is open about somebody."""
    (task,) = [
        each
        for each in house.do(lambda t: tasks.open_tasks_on(t.tables, person))
        if each.kind == questions.KIND
    ]
    return task.task_id


def desk(house: House, name: str = "sam") -> TestClient:
    """The browser of somebody of the privacy desk."""
    return house.signed_in(house.staff("privacy", sign_in=name), "staff")


def kinds(house: House, person: PersonId) -> list[str]:
    """The kinds of the entries about somebody."""
    return [each.entry.kind for each in house.provider.gate.gate.entries(person)]


def test_a_line_that_is_surely_like_one_customer_is_theirs(linked: House) -> None:
    """A mistyped letter is no matter; what it is compared by is not taken in; who reads is told."""
    rosa = customer(linked)
    typed = {**MILL, "name": "ROSALIND Milward", "occupation": "joiner"}
    its, left_out = take(
        linked, typed, {"name": "Nobody Known", "zip": "10101", "occupation": "baker"}
    )
    assert left_out == {3: feeds.UNMATCHED}
    assert (its.people, its.linked, its.unmatched) == (1, 1, 1)
    page = linked.signed_in(rosa).get("/me/privacy?show=all").text
    assert "joiner" in page
    assert "From Spruce Point on" in page
    assert "Milward" not in page
    assert linking.BY_LIKENESS in kinds(linked, rosa)
    received = linked.signed_in(rosa).get("/me/privacy/received").text
    assert "by name and birth date or zip code" in received


def test_a_parent_and_a_child_of_one_name_are_two_people(linked: House) -> None:
    """However rare the name is, and whether the birth date or a word after the name says so."""
    rosa = customer(linked)
    senior = customer(
        linked, {**MILL, "name": "Walter Quimbyson Sr.", "zip": "80201"}, "w@marked.example"
    )
    take(
        linked,
        {**MILL, "birth-date": "2009-07-19", "occupation": "joiner"},
        {"name": "Walter Quimbyson Jr.", "zip": "80201", "occupation": "baker"},
    )
    assert "occupation" not in holds(linked, rosa) | holds(linked, senior)


def test_whom_a_line_names_by_an_address_is_taken_by_no_other_line(linked: House) -> None:
    """One like them is somebody else in the same household, or the same said twice."""
    rosa = customer(linked)
    its, left_out = take(
        linked, {"email": "r@marked.example", "occupation": "joiner"}, {**MILL, "industry": "farms"}
    )
    assert left_out == {3: feeds.UNMATCHED}
    assert (its.people, its.linked) == (1, 0)
    assert "industry" not in holds(linked, rosa)


def test_a_line_with_an_address_of_a_customer_is_matched_by_that(linked: House) -> None:
    """However unlike it is; one whose address is of another customer is never linked by name."""
    rosa, other = customer(linked), linked.customer("o@marked.example", "1970-01-01")
    its, left_out = take(
        linked,
        {"email": "o@marked.example", **MILL, "occupation": "joiner"},
        {"email": "new@marked.example", **MILL, "industry": "boats"},
    )
    assert left_out == {}
    assert its.linked == 1
    assert "occupation" in holds(linked, other)
    assert "industry" in holds(linked, rosa)
    assert "occupation" not in holds(linked, rosa)


def test_a_phone_number_names_nobody_since_anybody_can_enter_another_s(linked: House) -> None:
    """Neither is a line theirs by it, nor does it keep another line from whom that is like."""
    rosa = customer(linked, {**MILL, "phone": "+12025550143"})
    other = linked.customer("o@marked.example", "1970-01-01", phone="+12025550144")
    its, left_out = take(
        linked,
        {"phone": "+1 202 555 0143", "industry": "farms"},
        {"phone": "+1 202 555 0144", **MILL, "occupation": "joiner"},
    )
    assert left_out == {2: feeds.UNMATCHED}
    assert (its.people, its.linked) == (1, 1)
    assert "occupation" in holds(linked, rosa)
    assert "occupation" not in holds(linked, other)


def test_an_address_that_nobody_confirmed_names_nobody_and_its_owner_is_like_nobody(
    linked: House,
) -> None:
    """Whoever signs up as another, or with another's address, gets and hinders nothing."""
    rosa = customer(linked)
    false = customer(linked, MILL, "false@marked.example")
    state = {"state": "unverified", "verified": None}
    linked.do(lambda t: t.tables.update(account, state, "person_id = ?", false))
    before = kinds(linked, false)
    its, left_out = take(linked, {"email": "false@marked.example", **MILL, "occupation": "joiner"})
    assert left_out == {}
    assert (its.people, its.linked) == (1, 1)
    assert "occupation" in holds(linked, rosa)
    assert kinds(linked, false) == before


def test_names_are_read_only_where_the_policy_lets_them_be_combined(house: House) -> None:
    """The sample policy does not: no customer is read, and no line is linked."""
    rosa = customer(house)
    house.do(lambda t: parties.add(t, "Spruce Point", "business-partner"))
    with pytest.raises(UpheldError) as caught:
        linking.require_allowed(house.policy)
    assert caught.value.code == "feed-link"
    _, left_out = take(house, {**MILL, "occupation": "joiner"})
    assert left_out == {2: feeds.UNMATCHED}
    assert "occupation" not in holds(house, rosa)


def test_thresholds_in_disorder_are_refused(linked: House) -> None:
    """Nobody is asked about what is less likely than not."""
    del linked
    linking.require_thresholds(Thresholds())
    for limits in (Thresholds(0.7, 0.8), Thresholds(1.1, 0.8), Thresholds(0.9, 0.1)):
        with pytest.raises(UpheldError):
            linking.require_thresholds(limits)


def test_whoever_is_unsure_asks_and_the_desk_says_it_is_the_same(linked: House) -> None:
    """They see what differs alone; then it is combined, with who decided."""
    rosa = customer(linked)
    line = {**NEAR, "occupation": "joiner", "interests": "boats"}
    its, left_out = take(linked, line, limits=ASKED)
    assert left_out == {2: feeds.WAITING}
    assert (its.lines, its.people) == (1, 0)
    assert "occupation" not in holds(linked, rosa)
    where = f"/staff/feeds/questions/{open_question(linked, rosa)}"
    sam = desk(linked)
    before = sam.get(where)
    assert "Millward" not in before.text
    assert send(sam, f"{where}/take", {}, where).status_code == 303
    page = sam.get(where).text
    assert "Rosalind Millward" in page
    assert "Rosa Millward" in page
    for hidden in ("1984", "97701", "joiner", "boats", "r@marked.example"):
        assert hidden not in page
    assert send(sam, where, {"answer": "same"}, where).status_code == 303
    assert {"occupation", "interests"} <= holds(linked, rosa)
    assert questions.SAME in kinds(linked, rosa)
    done = linked.do(lambda t: feeds.require(t.tables, its.feed_id))
    assert (done.people, done.linked) == (1, 1)
    assert sam.get(where).status_code == 404
    assert send(sam, where, {"answer": "same"}, "/staff").status_code == 404


def test_the_desk_says_it_is_somebody_else(linked: House) -> None:
    """Nothing is combined and nothing waits any more."""
    rosa = customer(linked)
    its, _ = take(linked, {**NEAR, "occupation": "joiner"}, limits=ASKED)
    where = f"/staff/feeds/questions/{open_question(linked, rosa)}"
    sam = desk(linked)
    send(sam, f"{where}/take", {}, where)
    assert send(sam, where, {"answer": "perhaps"}, where).status_code == 422
    send(sam, where, {"answer": "other"}, where)
    assert "occupation" not in holds(linked, rosa)
    assert linked.do(questions.waiting) == {}
    assert linked.do(lambda t: feeds.require(t.tables, its.feed_id)).unmatched == 1
    assert questions.OTHER in kinds(linked, rosa)


def test_who_has_not_taken_a_question_neither_sees_nor_answers_it(linked: House) -> None:
    """Another of the same desk is told that it is taken; other roles are refused."""
    rosa = customer(linked)
    take(linked, {**NEAR, "occupation": "joiner"}, limits=ASKED)
    where = f"/staff/feeds/questions/{open_question(linked, rosa)}"
    sam, kim = desk(linked), desk(linked, "kim")
    assert send(sam, where, {"answer": "same"}, where).status_code == 404
    send(sam, f"{where}/take", {}, where)
    assert "Millward" not in kim.get(where).text
    assert send(kim, f"{where}/take", {}, where).status_code == 409
    assert send(kim, where, {"answer": "same"}, where).status_code == 404
    support = linked.signed_in(linked.staff("support", sign_in="eve"), "staff")
    assert support.get(where).status_code == 403
    assert "occupation" not in holds(linked, rosa)


def test_of_twenty_answers_at_once_one_counts(linked: House) -> None:
    """The others find it settled."""
    rosa = customer(linked)
    its, _ = take(linked, {**NEAR, "occupation": "joiner"}, limits=ASKED)
    where = f"/staff/feeds/questions/{open_question(linked, rosa)}"
    sam = desk(linked)
    send(sam, f"{where}/take", {}, where)
    task_id = open_question(linked, rosa)
    staff = linked.do(lambda t: tasks.find_task(t.tables, task_id))
    assert staff is not None
    by = staff.staff_id
    assert by is not None

    def answer(_: int) -> str:
        def work(transaction: Transaction) -> None:
            task = tasks.require_mine(transaction, task_id, questions.KIND, by)
            assert task is not None
            question = questions.find(transaction, task)
            questions.answer(transaction, question, same=True, by=by)

        try:
            linked.do(work)
        except UpheldError as error:
            return error.code
        return ""

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(answer, range(20))) == ["", *["feed-question"] * 19]
    assert linked.do(lambda t: feeds.require(t.tables, its.feed_id)).people == 1


def test_a_line_that_is_like_two_is_neithers(linked: House) -> None:
    """Nor are two lines of different people who are like one customer."""
    rosa = customer(linked)
    _, left_out = take(
        linked,
        {**MILL, "occupation": "joiner"},
        {**NEAR, "occupation": "baker"},
        limits=ASKED,
    )
    assert left_out == {2: feeds.UNMATCHED, 3: feeds.UNMATCHED}
    customer(linked, NEAR, "n@marked.example")
    _, left_out = take(linked, {**MILL, "occupation": "joiner"}, limits=ASKED, digest="d2")
    assert left_out == {2: feeds.UNMATCHED}
    assert "occupation" not in holds(linked, rosa)
    assert linked.do(questions.waiting) == {}


def test_a_feed_that_is_withdrawn_takes_linked_values_and_questions_along(linked: House) -> None:
    """What the customer told us stays; nothing waits of it, and nobody can answer."""
    rosa = customer(linked)
    lena = customer(linked, {**MILL, "name": "Theodora Vance", "zip": "60601"}, "t@marked.example")
    its, left_out = take(
        linked,
        {**MILL, "occupation": "joiner"},
        {"name": "Dora Vance", "birth-date": MILL["birth-date"], "zip": "60601", "industry": "x"},
        limits=Thresholds(0.99, 0.5),
    )
    assert left_out == {3: feeds.WAITING}
    task_id = open_question(linked, lena)
    sam = desk(linked)
    page = f"/staff/feeds/questions/{task_id}"
    linked.do(lambda t: withdrawal.withdraw(t, its.feed_id, UserId("u1")))
    assert "Dora" not in sam.get(page).text
    before = len(kinds(linked, lena))
    with pytest.raises(feeds.FeedError, match="withdrawing"):
        take(linked, {**MILL, "occupation": "joiner"})
    assert len(kinds(linked, lena)) == before
    assert withdrawal.take_out(linked.provider.gate.gate) == 1
    assert "occupation" not in holds(linked, rosa)
    assert {"name", "zip"} <= holds(linked, rosa)
    assert linked.do(questions.waiting) == {}
    assert sam.get(page).status_code == 404
    assert linked.do(lambda t: feeds.require(t.tables, its.feed_id)).state == "withdrawn"


def test_questions_go_with_the_customer_and_with_time(linked: House) -> None:
    """What they say stands nowhere in the clear while it waits, and nowhere at all after."""
    rosa = customer(linked)
    other = customer(linked, {**MILL, "name": "Theodora Vance"}, "t@marked.example")
    its, _ = take(
        linked,
        {**NEAR, "occupation": "sailmaker-of-old"},
        {**MILL, "name": "Theo Vance", "occupation": "sailmaker-of-old"},
        limits=ASKED,
    )
    gate = linked.provider.gate.gate

    def stored() -> list[bytes]:
        with reading(gate.engine) as connection:
            return [
                bytes(each) for (each,) in rows(connection, "SELECT sealed FROM likeness_question")
            ]

    assert len(stored()) == 2
    assert not any(b"sailmaker" in each or b"Vance" in each for each in stored())
    erase(gate, [rosa], now=True)
    assert len(stored()) == 1
    assert questions.lapse(gate) == 0
    linked.clock.moved += questions.LASTS + timedelta(hours=1)
    assert questions.lapse(gate) == 1
    assert stored() == []
    assert linked.do(lambda t: tasks.open_tasks_on(t.tables, other)) == []
    assert linked.do(lambda t: feeds.require(t.tables, its.feed_id)).unmatched == 1


def test_an_answer_obeys_the_policy_as_it_is_then(linked: House) -> None:
    """Whose company left the register meanwhile is not combined, whatever somebody says."""
    rosa = customer(linked)
    its, _ = take(linked, {**NEAR, "occupation": "joiner"}, limits=ASKED)
    linked.do(lambda t: parties.end(t, "spruce-point"))
    where = f"/staff/feeds/questions/{open_question(linked, rosa)}"
    sam = desk(linked)
    send(sam, f"{where}/take", {}, where)
    send(sam, where, {"answer": "same"}, where)
    assert "occupation" not in holds(linked, rosa)
    assert linked.do(lambda t: feeds.require(t.tables, its.feed_id)).refused == 1


def test_a_reading_that_was_stopped_goes_on_and_links_the_same(linked: House) -> None:
    """Nothing is asked twice."""
    rosa = customer(linked)
    gate = linked.provider.gate.gate
    its = linked.do(lambda t: feeds.start(t, "spruce-point", "d1", UserId("u1")))
    count = feeds.BATCH + 9
    fill = [FeedLine(n, {"email": f"no{n}@marked.example"}) for n in range(2, count + 1)]
    last = FeedLine(count + 1, {"occupation": "joiner"}, MILL)
    some = linking.take_linked(gate, its, [*fill, last], Thresholds())
    next(iter(some))
    its = linked.do(lambda t: feeds.require(t.tables, its.feed_id))
    assert its.lines == feeds.BATCH
    list(linking.take_linked(gate, its, [*fill, last], Thresholds()))
    its = linked.do(lambda t: feeds.require(t.tables, its.feed_id))
    assert (its.lines, its.people, its.linked) == (count, 1, 1)
    assert "occupation" in holds(linked, rosa)
    assert list(linking.take_linked(gate, its, [*fill, last], Thresholds())) == []


def test_strange_names_and_dates_do_no_harm(linked: House) -> None:
    """Zero bytes, newlines, marks of SQL and other alphabets are read as far as they are names."""
    customer(linked)
    strange = [
        "\x00 \x00",
        "'; DROP TABLE ours; --",
        "a\nb",
        "王 小明",
        "Ψ" * 500 + " Ω",
        "\u202eb a",
        "%s {0}",
    ]
    lines = [{"name": each, "birth-date": "1984-05-17", "occupation": "x"} for each in strange]
    lines += [{"name": MILL["name"], "birth-date": "17.5.84", "zip": "", "occupation": "x"}]
    its, left_out = take(linked, *lines)
    assert set(left_out.values()) == {feeds.UNMATCHED}
    assert its.lines == len(lines)


def test_an_identity_needs_two_names_and_a_day_or_a_place() -> None:
    """Accents, capitals, titles and apostrophes make no difference."""
    who = {"name": "Dr. Zoë M. O’Brien-Hall", "birth-date": "1990-02-01", "zip": "97701-1234"}
    assert identity(who) == Identity("zoe", "hall", "1990-02-01", "97701")
    assert identity({"name": "Zoe O'Brien", "zip": "k1a 0b1"}) == Identity(
        "zoe", "obrien", "", "k1a0b1"
    )
    assert identity({"name": "Zoe", "zip": "97701"}) is None
    assert identity({"name": "Zoe Hall", "birth-date": "soon"}) is None


def test_of_lines_and_customers_each_is_settled_with_one_or_with_none() -> None:
    """Lines that say the same of who it is are as one."""
    a, b = Identity("a", "a", "", "1"), Identity("b", "b", "", "1")
    one, two = PersonId("p1"), PersonId("p2")
    pairs = [Pair(1, one, 0.9), Pair(2, one, 0.9), Pair(3, two, 0.9), Pair(4, two, 0.9)]
    result = settle(pairs, {1: a, 2: a, 3: a, 4: b})
    assert {line: pair.person_id for line, pair in result.items()} == {1: one, 2: one}
    assert settle([Pair(1, one, 1.0), Pair(1, two, 0.8)], {1: a}) == {}


@pytest.mark.parametrize("seed", [1, 2])
def test_at_the_default_threshold_hardly_anybody_is_taken_for_another(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of people with twins, namesakes and mistakes, whose truth is known; no file is written."""
    from upheld.practices.feeds.linkage import compare

    monkeypatch.chdir(tmp_path)
    files = synthetic.two_files(3_000, seed)
    assert files == synthetic.two_files(3_000, seed)
    ours = {PersonId(f"p{each.number}"): who for each in files.ours if (who := identity(each.keys))}
    theirs = {n: who for n, each in enumerate(files.theirs) if (who := identity(each.keys))}
    pairs = settle(compare(ours, theirs, LOWEST), theirs)
    merged = [each for each in pairs.values() if each.score >= THRESHOLD]
    right = sum(each.person_id == f"p{files.theirs[each.line].number}" for each in merged)
    common = {each.number for each in files.ours} & {each.number for each in files.theirs}
    assert right / len(merged) >= 0.99
    assert right / len(common) >= 0.9
    assert list(tmp_path.iterdir()) == []


def test_a_line_is_compared_by_what_the_policy_lets_be_combined_alone(
    linking_policy: upheld.Policy,
) -> None:
    """A line keeps no name, birth date or zip code that may not be combined of anybody."""
    assert linking.keys_of(linking_policy) == KEYS
    words = "may combine name, profile, transaction from business-partner"
    text = linking_policy.program.source
    assert words in text
    narrow = upheld.load_text(text.replace(words, words.replace("profile", "zip, occupation")))
    assert linking.keys_of(narrow) == ("name", "zip")
    assert linking.keys_of(upheld.load(sample_policy())) == ("birth-date", "zip")
    with pytest.raises(UpheldError):
        feeds.require_columns(narrow, ["name", "birth-date"], linking.keys_of(narrow))

"""Incidents: whom a misuse touched, notices approved by a second person, sent once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from starlette.testclient import TestClient

from practices.conftest import TOKEN, House, confirm, send
from upheld.core.ids import IncidentId, PersonId, UserId
from upheld.database.own_tables import to_datetime
from upheld.demo import sample_policy
from upheld.gate.act.request import Act
from upheld.gate.erasure.erase import erase
from upheld.gate.gate import Gate
from upheld.gate.operations.misuse import Misuse, MisuseError, find_affected, require_subject
from upheld.gate.transaction import GateTransaction
from upheld.policy.load import load_text
from upheld.practice import operators, tasks
from upheld.practices.incidents import notices
from upheld.practices.incidents.incidents import Incident, IncidentError, Incidents, subject_of
from upheld.practices.incidents.notices import IncidentWork
from upheld.practices.incidents.questions import read_moment
from upheld.practices.messages.carrier import Box
from upheld.practices.messages.delivery import Delivery

CONSOLE = "/staff/incidents"
NOTICE = "Somebody <b>used</b> a session of our staff.\n\n# Zo\u00eb, *change* your password."
HOUR = timedelta(hours=1)


def look_at(house: House, person: PersonId, user: UserId) -> None:
    """A member of staff looks at somebody's name and address, for a task of theirs."""

    def work(transaction: GateTransaction) -> None:
        task = tasks.open_task(transaction, person, "ticket", "support", role="support")
        tasks.take(transaction, task, user, ["name", "email"])
        act = Act(
            action="view", data=("name", "email"), actor="staff", purpose="support", party=user
        )
        transaction.act(act, person)
        tasks.close(transaction, task, by=user)

    house.do(work)


def run_job(house: House) -> int:
    """Do what is due about incidents; how much."""
    (job,) = [each for each in house.provider.jobs if each.name == "incidents"]
    return job.run(house.provider.gate.gate)


def form(house: House, **changes: str) -> dict[str, str]:
    """The form of the console, filled in: the session of Sam from an hour ago on."""
    now = house.clock.now()
    return {
        "real": "real",
        "kind": "staff",
        "subject": "sam",
        "since": f"{now - HOUR:%Y-%m-%dT%H:%M:%S}",
        "until": f"{now:%Y-%m-%dT%H:%M:%S.%f}",
        "discovery": f"{now:%Y-%m-%dT%H:%M:%S.%f}",
        **changes,
    }


def open_one(house: House, staff: TestClient, **changes: str) -> IncidentId:
    """Open an incident in the console and count whom it touched; its id."""
    answer = send(staff, CONSOLE, form(house, **changes))
    assert answer.status_code == 303, answer.text
    run_job(house)
    path = str(answer.headers["location"]).split("?", maxsplit=1)[0]
    return IncidentId(path.rsplit("/", 1)[-1])


def read_incident(house: House, incident_id: IncidentId) -> Incident:
    """An incident as it stands."""
    model = Incidents(house.provider)
    return house.do(lambda transaction: model.require(transaction.tables, incident_id))


def owed(house: House, person: PersonId) -> list[tuple[str, datetime]]:
    """The state of what is owed to somebody because of breaches, and until when."""
    items = house.do(lambda transaction: transaction.obligations.owed(["breach"]))
    return [(each.state, to_datetime(each.due)) for each in items if each.person_id == person]


def letters(house: House, path: str) -> list[tuple[str, str]]:
    """Send what waits: to whom the letters about an incident go, each with its text."""
    box = Box()
    Delivery(house.provider, box).run(house.provider.gate.gate)
    texts = [(str(each["To"]), each.get_body(("plain",)).get_content()) for each in box.messages]  # type: ignore[union-attr] # each has a text
    return [(to, text) for to, text in texts if path in text]


@pytest.fixture
def officers(house: House) -> tuple[TestClient, TestClient]:
    """The browsers of two privacy officers."""
    first, second = (house.staff("privacy", sign_in=name) for name in ("pia", "pat"))
    return house.signed_in(first, "staff"), house.signed_in(second, "staff")


def drafted(house: House, officers: tuple[TestClient, TestClient], *people: PersonId) -> str:
    """The path of an incident that touched some people, with a notice by the first officer."""
    user = house.staff("support")
    for each in people:
        look_at(house, each, user)
    path = f"{CONSOLE}/{open_one(house, officers[0])}"
    answer = send(officers[0], f"{path}/draft", {"notice": NOTICE}, path)
    assert answer.status_code == 303, answer.text
    return path


def approve_at_once(house: House, there: Incident, second: UserId) -> None:
    """Let a second person say yes to a notice twenty times at once: it counts once."""
    model, gate = Incidents(house.provider), house.provider.gate.gate

    def approve(_: int) -> str:
        try:
            with gate.together() as transaction:
                return model.approve(transaction, there.incident_id, there.turn, second).state
        except IncidentError as error:
            return error.code

    with ThreadPoolExecutor(8) as many:
        outcomes = sorted(many.map(approve, range(20)))
    assert outcomes == ["approved", *["incident-state"] * 19]


def test_the_ledger_says_whom_a_misuse_touched_and_in_what(house: House) -> None:
    """By a member of staff, a company, a key, a table and a backup; in a span of time alone."""
    gate = house.provider.gate.gate
    ann, bo = house.customer(phone="+1 555 010 0107"), house.customer("bo@marked.example")
    user = house.staff("support")
    before = house.clock.now()
    house.clock.moved += HOUR
    look_at(house, ann, user)
    now = house.clock.now() + HOUR
    seen = find_affected(gate, Misuse("staff", user, before, now))
    assert seen == {ann: {"name", "email"}}
    assert find_affected(gate, Misuse("staff", user, before - HOUR, before)) == {}
    assert find_affected(gate, Misuse("staff", user[:-1], before, now)) == {}
    epoch = str(gate.context.keyring.current.number)
    by_key = find_affected(gate, Misuse("key", epoch, before, now))
    assert by_key.keys() == {ann, bo}
    assert {"phone", "birth-date"} <= by_key[ann]
    assert "phone" not in by_key[bo]
    assert find_affected(gate, Misuse("table", "value", before, now)) == by_key
    assert find_affected(gate, Misuse("table", "account", before, now)) == {
        ann: {"account-id"},
        bo: {"account-id"},
    }
    assert find_affected(gate, Misuse("time", "", before, now)) == {ann: {"name", "email"}}
    assert find_affected(gate, Misuse("time", "", before - HOUR, now)).keys() == {ann, bo}
    assert find_affected(gate, Misuse("time", "", now, now + HOUR)) == {}
    with pytest.raises(MisuseError):
        require_subject(gate, "table", "entry")
    with pytest.raises(MisuseError):
        require_subject(gate, "key", "9" * 40)
    with pytest.raises(MisuseError):
        require_subject(gate, "backup", "x' OR 1=1")


def test_a_company_is_found_by_its_whole_name(house: House) -> None:
    """Entries of one whose name ends as another's does are not its own."""
    gate = house.provider.gate.gate
    ann = house.customer()
    house.do(
        lambda transaction: transaction.note(
            ann,
            "act",
            action="share",
            outcome="allow",
            data=("email",),
            recipient="supplier big duns",
        )
    )
    since, until = house.clock.now() - HOUR, house.clock.now() + HOUR
    assert find_affected(gate, Misuse("partner", "duns", since, until)) == {}
    assert find_affected(gate, Misuse("partner", "big duns", since, until)) == {ann: {"email"}}


def test_time_runs_from_the_finding_and_each_incident_is_owed_by_itself(
    house: House, officers: tuple[TestClient, TestClient]
) -> None:
    """A notice about one incident leaves open what is owed for another, with its own day."""
    ann, user = house.customer(), house.staff("support")
    look_at(house, ann, user)
    now = house.clock.now()
    earlier = now - timedelta(minutes=30)
    first = open_one(house, officers[0])
    second = open_one(house, officers[0], discovery=f"{earlier:%Y-%m-%dT%H:%M:%S}")
    days = sorted(due for _, due in owed(house, ann))
    assert days[1] - days[0] > timedelta(minutes=29)
    assert days[0] == earlier.replace(microsecond=0) + timedelta(hours=72)
    path = f"{CONSOLE}/{first}"
    send(officers[0], f"{path}/draft", {"notice": NOTICE}, path)
    send(officers[1], f"{path}/approve", {}, path)
    assert run_job(house) == 1
    assert [due for _, due in owed(house, ann)] == days[:1]
    assert "was sent" not in officers[0].get(f"{CONSOLE}/{second}").text
    model, officer = Incidents(house.provider), read_incident(house, second).opened_by
    with pytest.raises(IncidentError) as caught:
        house.do(lambda transaction: model.close(transaction, second, "Done.", officer))
    assert caught.value.code == "incident-owed"


def test_nobody_approves_their_own_notice_not_even_in_two_tabs(
    house: House, officers: tuple[TestClient, TestClient]
) -> None:
    """Who wrote it is refused, and of twenty who say yes at once one does; it is sent once."""
    ann = house.customer()
    path = drafted(house, officers, ann)
    mine = officers[0]
    answer = mine.post(f"{path}/approve", data={"_token": _token(mine, path)})
    assert (answer.status_code, "does not approve it" in answer.text) == (422, True)
    there = read_incident(house, IncidentId(path.rsplit("/", 1)[-1]))
    second = house.staff("manager", sign_in="max")
    approve_at_once(house, there, second)
    with ThreadPoolExecutor(4) as many:
        assert sum(many.map(lambda _: run_job(house), range(4))) == 1
    assert [to for to, _ in letters(house, path.replace("/staff", "/me"))] == ["ann@marked.example"]


def _token(browser: TestClient, path: str) -> str:
    match = TOKEN.search(browser.get(path).text)
    assert match
    return match[1]


def test_a_notice_that_was_changed_is_read_again(
    house: House, officers: tuple[TestClient, TestClient]
) -> None:
    """Whoever confirms the text that they read does not send another one."""
    path = drafted(house, officers, house.customer())
    pia, pat = officers
    asked = pat.post(f"{path}/approve", data={"_token": _token(pat, path)})
    assert "Approve and send" in asked.text
    send(pia, f"{path}/draft", {"notice": "Another text."}, path)
    answer = confirm(pat, asked)
    assert (answer.status_code, "Another text." in answer.text) == (409, True)
    assert run_job(house) == 0
    assert confirm(pat, answer).status_code == 303
    assert run_job(house) == 1


def test_somebody_erased_between_drafting_and_sending_is_passed_over(
    house: House, officers: tuple[TestClient, TestClient]
) -> None:
    """The others are told, and how many it touched stays as it was counted."""
    ann, bo = house.customer(), house.customer("bo@marked.example")
    path = drafted(house, officers, ann, bo)
    erase(house.provider.gate.gate, [ann])
    send(officers[1], f"{path}/approve", {}, path)
    assert run_job(house) == 1
    assert [to for to, _ in letters(house, path.replace("/staff", "/me"))] == ["bo@marked.example"]
    answer = officers[0].get(f"{path}/counts.csv")
    assert "people touched,2\r\n" in answer.text
    assert "notices sent,1\r\n" in answer.text
    assert (run_job(house), read_incident(house, IncidentId(path.rsplit("/", 1)[-1])).people) == (
        0,
        2,
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"until": "2026-03-01T00:00"}, "begin before it ends"),
        ({"discovery": "2027-03-01T00:00"}, "found later than now"),
        ({"until": "2027-03-01T00:00"}, "end later than now"),
        ({"discovery": "2020-03-01T00:00"}, "found before it began"),
        ({"since": "yesterday"}, "2026-03-11 16:20"),
        ({"subject": "nobody"}, "Nobody works"),
        ({"kind": "table", "subject": "entry; DROP TABLE entry"}, "no such table"),
        ({"kind": "partner", "subject": "Nobody & Co"}, "No company"),
        ({"kind": "key", "subject": ""}, "Say which one"),
        ({"kind": "time", "subject": "sam"}, "leave out which one"),
    ],
)
def test_times_and_things_that_cannot_be_are_refused(
    house: House, officers: tuple[TestClient, TestClient], changes: dict[str, str], words: str
) -> None:
    """Each with what is wrong, and nothing is opened."""
    answer = send(officers[0], CONSOLE, form(house, **{"subject": "pia", **changes}))
    assert (answer.status_code, words in answer.text) == (422, True)
    model = Incidents(house.provider)
    assert house.do(lambda transaction: model.all(transaction.tables)) == []


def test_what_is_written_stays_text_and_the_letter_says_it(
    house: House, officers: tuple[TestClient, TestClient]
) -> None:
    """Markup in a notice is nobody's markup, on a page and in a letter; the remark is ours."""
    ann = house.customer()
    path = drafted(house, officers, ann)
    send(officers[0], f"{path}/note", {"remark": "We <i>ended</i>\nall sessions."}, path)
    send(officers[1], f"{path}/approve", {}, path)
    run_job(house)
    ((_, text),) = letters(house, path.replace("/staff", "/me"))
    assert "<b>used</b> a session of our staff." in text.replace("\n", " ")
    assert "name" in text
    assert "sessions." not in text
    page = house.signed_in(ann).get(path.replace("/staff", "/me")).text
    assert "&lt;b&gt;used" in page
    assert "all sessions" not in page
    assert "Read what, and what you can do" in house.signed_in(ann).get("/me").text
    assert "&lt;i&gt;ended&lt;/i&gt;\nall sessions." in officers[0].get(path).text


def test_without_its_clause_nobody_is_owed_or_sent_a_notice(
    open_house: Callable[..., House],
) -> None:
    """Where the policy says nothing of breaches, the notice is refused, and the page says so."""
    text = "\n".join(
        line
        for line in Path(sample_policy()).read_text(encoding="utf-8").splitlines()
        if not line.startswith("must notify-breach")
    )
    house = open_house(load_text(text))
    ann = house.customer()
    officers = (
        house.signed_in(house.staff("privacy", sign_in="pia"), "staff"),
        house.signed_in(house.staff("privacy", sign_in="pat"), "staff"),
    )
    path = drafted(house, officers, ann)
    assert "owes nobody a notice" in officers[0].get(path).text
    send(officers[1], f"{path}/approve", {}, path)
    assert run_job(house) == 0
    assert letters(house, path.replace("/staff", "/me")) == []
    assert "does not let us send" in officers[0].get(path).text
    assert send(officers[0], f"{path}/close", {"remark": "Over."}, path).status_code == 303


def test_a_count_that_is_killed_goes_on_where_it_was(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has one record and one day, however often the job was stopped between two people."""
    people = [house.customer(f"c{number}@marked.example") for number in range(3)]
    user, officer = house.staff("support"), house.staff("privacy", sign_in="pia")
    for each in people:
        look_at(house, each, user)
    monkeypatch.setattr(notices, "BATCH", 1)
    gate, model, now = house.provider.gate.gate, Incidents(house.provider), house.clock.now()
    misuse = Misuse("staff", user, now - HOUR, now)
    new = house.do(lambda transaction: model.open(transaction, misuse, now, officer))
    work = IncidentWork(model)
    whole = Gate.together
    left = [3]  # transactions until the process is killed

    def dying(self: Gate) -> AbstractContextManager[GateTransaction]:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return whole(self)

    monkeypatch.setattr(Gate, "together", dying)
    for lives in (2, 2, 9):
        left[0] = lives
        with suppress(KeyboardInterrupt):
            work.count(gate, new.incident_id)
    monkeypatch.setattr(Gate, "together", whole)
    assert read_incident(house, new.incident_id).state == "counted"
    assert [len(owed(house, each)) for each in people] == [1, 1, 1]


def test_routes_are_for_the_role_and_for_our_own_pages(
    house: House, officers: tuple[TestClient, TestClient]
) -> None:
    """Another role, HEAD, a foreign origin and somebody else's notice lead nowhere."""
    ann = house.customer()
    path = drafted(house, officers, ann)
    other = house.signed_in(house.staff("billing", sign_in="bea"), "staff")
    assert [other.get(each).status_code for each in (CONSOLE, path, f"{path}/counts.csv")] == [
        403
    ] * 3
    assert officers[0].head(path).status_code == 200
    assert officers[0].get(f"{CONSOLE}/{'0' * 32}").status_code == 404
    foreign = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    for step in ("draft", "approve", "note", "close"):
        data = {"_token": _token(officers[1], path), "notice": "x", "remark": "x"}
        answer = officers[1].post(f"{path}/{step}", data=data, headers=foreign)
        assert answer.status_code == 403
    mine = path.replace("/staff", "/me")
    assert house.signed_in(ann).get(mine).status_code == 404  # nobody has approved it


def test_whom_a_stolen_session_looked_up_was_touched_even_if_nothing_was_revealed(
    house: House, officers: tuple[TestClient, TestClient]
) -> None:
    """That somebody is a customer, and by which address, was seen; the minute of the end counts."""
    ann = house.customer()
    thief = house.signed_in(house.staff("support", sign_in="sam"), "staff")
    query = {"way": "email", "told": "ann@marked.example", "reason": "trouble"}
    answer = send(thief, "/staff/find", {**query, "recognised": "details"}, "/staff")
    assert answer.status_code == 303, answer.text
    now = house.clock.now()
    minute = f"{now:%Y-%m-%dT%H:%M}"
    incident_id = open_one(house, officers[0], until=minute, discovery=minute)
    there = read_incident(house, incident_id)
    assert there.misuse.until <= house.clock.now()
    assert (there.people, "email" in there.counts) == (1, True)
    assert owed(house, ann) != []


def test_where_nobody_was_touched_no_notice_is_asked_for(
    house: House, officers: tuple[TestClient, TestClient]
) -> None:
    """The page says so, and nothing waits but to close it."""
    house.staff("support", sign_in="sam")
    path = f"{CONSOLE}/{open_one(house, officers[0])}"
    page = officers[0].get(path).text
    assert "there is nobody to tell" in page
    assert f"{path}/draft" not in page
    assert "waits for its notice" not in officers[0].get("/staff").text


def test_whoever_takes_the_next_step_of_an_incident_reads_that_it_waits(
    house: House, officers: tuple[TestClient, TestClient]
) -> None:
    """A notice to be written is everybody's of the desk; to approve it, another one's."""
    user = house.staff("support", sign_in="sam")
    look_at(house, house.customer(), user)
    path = f"{CONSOLE}/{open_one(house, officers[0])}"
    written, second = (
        "waits for its notice to be written",
        "waits for a second person, who approves",
    )
    assert all(written in each.get("/staff").text for each in officers)
    send(officers[0], f"{path}/draft", {"notice": NOTICE}, path)
    assert [second in each.get("/staff").text for each in officers] == [False, True]
    assert second not in house.signed_in(user, "staff").get("/staff").text


def test_all_that_was_done_in_a_time_is_an_incident_without_a_name(house: House) -> None:
    """Whoever does not know who was there says when, and those of that time are told."""
    house.customer("bo@marked.example")
    ann, user = house.customer(), house.staff("support")
    house.clock.moved += 2 * HOUR
    look_at(house, ann, user)
    officers = [
        house.signed_in(house.staff("privacy", sign_in=name), "staff") for name in ("pia", "pat")
    ]
    path = f"{CONSOLE}/{open_one(house, officers[0], kind='time', subject='')}"
    page = officers[0].get(path).text
    assert "All that anybody did in a span of time, from" in page
    assert "<dt>People touched</dt><dd>1</dd>" in page
    send(officers[0], f"{path}/draft", {"notice": NOTICE}, path)
    send(officers[1], f"{path}/approve", {}, path)
    assert run_job(house) == 1
    ((to, text),) = letters(house, path.replace("/staff", "/me"))
    assert (to, "name" in text) == ("ann@marked.example", True)
    assert "what was misused,time\r\n" in officers[0].get(f"{path}/counts.csv").text


def test_an_hour_that_is_there_twice_is_within_a_span_wholly() -> None:
    """The night on which clocks are put back: from its first half past one to its second."""
    zone = ZoneInfo("America/Denver")
    since = read_moment("2026-11-01T01:30", zone)
    until = read_moment("2026-11-01T01:30", zone, is_end=True)
    assert until.timestamp() - since.timestamp() == 3600
    for is_end in (False, True):
        assert read_moment("2026-11-01T01:30-07:00", zone, is_end=is_end).hour == 1
        usual = read_moment("2026-12-24T01:30", zone, is_end=is_end)
        assert usual.astimezone(UTC) == datetime(2026, 12, 24, 8, 30, tzinfo=UTC)


def test_an_agent_of_a_company_is_no_member_of_staff(house: House) -> None:
    """What one of them did is an incident of the company, which the answer says."""
    house.do(
        lambda t: operators.add_user(
            t.tables, "agent", "Ed Roe", "ed", roles=[], party="larch-collect"
        )
    )
    with pytest.raises(IncidentError) as caught:
        house.do(lambda t: subject_of(t, "staff", "ed"))
    assert caught.value.code == "incident-subject"
    assert "of an agent, the company" in caught.value.hint

"""A row that is inserted, updated, deleted or put back is refused where a practice asks for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from empty import empty_database
from practices.conftest import House
from upheld.core.ids import PersonId, TaskId, UserId
from upheld.database.seals import SealedError
from upheld.database.statements import placeholders, rows, run
from upheld.database.transaction import reading, writing
from upheld.gate.transaction import Transaction
from upheld.practice import invitations, outbox, tasks
from upheld.practice.factors import Offer
from upheld.practices.accounts import authenticator, domain
from upheld.practices.messages.carrier import Box
from upheld.practices.messages.delivery import BATCH, Delivery
from upheld.practices.messages.redaction import RedactionJob
from upheld.practices.rights import requests, signals
from upheld.web import totp

Rows = list[dict[str, Any]]


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """The mechanism is tried on both databases elsewhere; here it is where each practice asks."""
    return empty_database(tmp_path)


class Thing(NamedTuple):
    """Rows of somebody's: how they come about, what is done with them next, and what asks them."""

    make: Callable[[House, PersonId], object]
    go_on: Callable[[House, PersonId], object]
    ask: Callable[[House, PersonId], object]
    other: dict[str, Any]  # the key of a row that is added


def turn_on(house: House, person: PersonId) -> None:
    """Let a customer have a second factor."""
    house.do(
        lambda transaction: authenticator.turn_on(
            transaction, person, Offer(totp.new_secret(), ""), 0
        )
    )


def standing(house: House, person: PersonId) -> object:
    """How a customer's second factor stands, as the sign-in asks."""
    return house.do(lambda transaction: authenticator.second_factor(transaction.tables, person))


def note(house: House, person: PersonId, session: str = "ab" * 32) -> None:
    """Note a session's privacy signal."""
    house.do(lambda transaction: signals.note_signal(transaction, person, session))


def turn_off_and_on(house: House, person: PersonId) -> None:
    """Take another second factor."""
    house.do(lambda transaction: authenticator.turn_off(transaction, person))
    turn_on(house, person)


def task_on(house: House, person: PersonId) -> TaskId:
    """Open a task on a customer."""
    return house.do(
        lambda transaction: tasks.open_task(
            transaction, person, "ticket", "billing", role="billing"
        )
    )


def start_correction(house: House, person: PersonId, task: str) -> None:
    """A request for a correction that is worked on by a task."""

    def work(transaction: Transaction) -> None:
        request = requests.open_request(transaction, person, "correction")
        assert isinstance(request, requests.RightsRequest)
        requests.begin(transaction, request, TaskId(task))

    house.do(work)


def take(house: House, person: PersonId) -> None:
    """Let somebody take the task."""
    (task,) = house.do(lambda transaction: tasks.open_tasks_on(transaction.tables, person))
    house.do(lambda transaction: tasks.take(transaction, task.task_id, UserId("5" * 32), ["name"]))


def queue(house: House, person: PersonId) -> None:
    """Queue a message."""
    house.do(
        lambda transaction: outbox.queue(
            transaction, person, "accounts/changed", "administrative-message"
        )
    )


def desk_sees(house: House, person: PersonId) -> None:
    """What the job that sends would take; SealedError where a customer's messages are not whole."""
    due_messages = Delivery(house.provider, Box())._due(house.provider.gate.gate)
    if [each.person_id for each in due_messages] != [person] * len(table_rows(house, "outbox")):
        raise SealedError("it sends not what is there", code="changed-row")


THINGS = {
    "authenticator": Thing(turn_on, turn_off_and_on, standing, {"person_id": "f" * 32}),
    "recovery_code": Thing(
        turn_on,
        lambda h, p: h.do(lambda transaction: authenticator.new_codes(transaction, p)),
        standing,
        {"code_hash": b"mine"},
    ),
    "task": Thing(
        task_on,
        take,
        lambda h, p: h.do(lambda transaction: tasks.open_tasks_on(transaction.tables, p)),
        {"task_id": "f" * 32},
    ),
    "rights_request": Thing(
        lambda h, p: h.do(lambda transaction: requests.open_request(transaction, p, "access")),
        lambda h, p: h.do(
            lambda transaction: requests.begin(
                transaction, requests.requests_of(transaction.tables, p)[0]
            )
        ),
        lambda h, p: h.do(lambda transaction: requests.requests_of(transaction.tables, p)),
        {"request_id": "f" * 32},
    ),
    "outbox": Thing(queue, queue, desk_sees, {"message_id": "f" * 32}),
    "signal": Thing(note, lambda h, p: note(h, p, "cd" * 32), note, {"session": b"mine"}),
}


def table_rows(house: House, name: str) -> Rows:
    """The rows of a table, with their MACs."""
    with reading(house.provider.gate.gate.engine) as connection:
        columns = [row[1] for row in rows(connection, f"PRAGMA table_info({name})")]
        table_content = rows(connection, f"SELECT {', '.join(columns)} FROM {name}")
    return [dict(zip(columns, each, strict=True)) for each in table_content]


def overwrite(house: House, name: str, new_rows: Rows) -> None:
    """Let these be the rows of a table, as somebody does who has no keys."""
    with writing(house.provider.gate.gate.engine) as connection:
        run(connection, f"DELETE FROM {name}")
        for each in new_rows:
            run(
                connection,
                f"INSERT INTO {name} ({', '.join(each)}) VALUES ({placeholders([*each])})",
                *each.values(),
            )


def changes(before: Rows, now: Rows, other: dict[str, Any]) -> dict[str, Rows]:
    """What somebody could do to rows that are there now and were others before."""
    first, *rest = now
    data = {"delete": rest, "put back": before}
    if other.get("person_id") is None:  # else it is somebody else's, whom nothing asks here
        data["insert"] = [*now, {**first, **other}]
    fixed = {"mac", "person_id", *other}
    for column in [each for each in first if each not in fixed]:
        value = first[column]
        odd = (value or 0) + 1 if isinstance(value, int | None) else value + type(value)(b"x")
        data[f"update {column}"] = [{**first, column: odd}, *rest]
    return data


@pytest.mark.parametrize("name", THINGS)
def test_what_somebody_did_to_a_row_is_refused_where_it_is_asked(house: House, name: str) -> None:
    """Whatever is done to it without the keys; as it was written it serves again."""
    thing, person = THINGS[name], house.customer()
    thing.make(house, person)
    before = table_rows(house, name)
    thing.go_on(house, person)
    now = table_rows(house, name)
    assert before != now
    thing.ask(house, person)
    for how, forged in changes(before, now, thing.other).items():
        overwrite(house, name, forged)
        with pytest.raises(SealedError):
            print(how, thing.ask(house, person))  # noqa: T201 - what was given, where it was
        overwrite(house, name, now)
        thing.ask(house, person)


def test_copies_of_somebody_whose_row_is_forged_are_left_and_told(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """The job goes on with the others."""
    person = house.customer()
    overwrite(house, "redaction", [{"person_id": person, "mac": b"mine"}])
    assert RedactionJob(house.provider).run(house.provider.gate.gate) == 0
    assert "not whole: a row of `redaction`" in caplog.text


def test_what_was_changed_of_one_customer_is_left_out_of_what_everybody_shares(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """The queue and the jobs go on with the others; a task that somebody closed answers nothing."""
    ann, bob = house.customer(), house.customer("bob@marked.example")
    for person in (ann, bob):
        task = task_on(house, person)
        start_correction(house, person, task)
    now = table_rows(house, "task")
    overwrite(house, "task", [{**each, "state": "done"} for each in now])
    assert house.do(lambda transaction: requests.left_without_task(transaction.tables)) == []
    overwrite(
        house, "task", [{**each, "role": "x"} if each["person_id"] == ann else each for each in now]
    )
    queue = house.do(lambda transaction: tasks.task_queue(transaction.tables, ["billing", "x"]))
    assert [each.person_id for each in queue] == [bob]
    assert f"not whole: a row of `task` of person {ann}" in caplog.text
    overwrite(house, "task", now)
    for each in queue + house.do(lambda transaction: tasks.open_tasks_on(transaction.tables, ann)):
        house.do(lambda j, t=each: tasks.close(j, t.task_id))  # type: ignore[misc] # the loop's own
    request_rows = table_rows(house, "rights_request")
    overwrite(
        house,
        "rights_request",
        [{**each, "received": 0} if each["person_id"] == ann else each for each in request_rows],
    )
    (ready_request,) = house.do(lambda transaction: requests.left_without_task(transaction.tables))
    assert ready_request.person_id == bob


def test_nobody_is_erased_or_let_in_by_an_invitation_that_somebody_wrote(house: House) -> None:
    """The sweep erases whoever an old invitation names; one that was changed names nobody."""
    victim = house.customer()
    result = house.do(
        lambda transaction: invitations.invite(
            transaction, "bo@marked.example", "guardian", "guardians/asked"
        )
    )
    assert isinstance(result, tuple)
    (row,) = table_rows(house, "invitation")
    at = house.clock.now()
    overwrite(house, "invitation", [{**row, "person_id": victim, "expires": 1}])
    assert invitations.sweep(house.provider.gate.gate) == 0
    for change in (
        {"person_id": victim},
        {"inviter": victim},
        {"inviter": victim, "state": "accepted"},
        {"expires": row["expires"] + 1},
    ):
        overwrite(house, "invitation", [{**row, **change}])
        with pytest.raises(SealedError):
            house.do(
                lambda transaction: invitations.find_by_code(transaction.tables, result[1], at)
            )
    assert house.do(lambda transaction: transaction.held_fields(victim))
    overwrite(house, "invitation", [row])
    assert (
        house.do(lambda transaction: invitations.find_by_code(transaction.tables, result[1], at))
        is not None
    )


def test_nobody_is_erased_as_unconfirmed_since_their_message_was_taken_away(house: House) -> None:
    """As long as the message waits that asks them to confirm, no row that is missing hurries it."""
    person = house.do(lambda transaction: transaction.enrol())
    house.do(
        lambda transaction: domain.open_account(transaction, person, agreement_digest="0" * 64)
    )
    queue(house, person)
    later = house.clock.now() + timedelta(days=30)
    assert house.do(
        lambda transaction: domain.unconfirmed_people(transaction.tables, later, 10)
    ) == [person]
    overwrite(house, "outbox", [])
    assert (
        house.do(lambda transaction: domain.unconfirmed_people(transaction.tables, later, 10)) == []
    )


def test_a_message_that_somebody_changed_is_not_sent_and_the_others_are(house: House) -> None:
    """Nobody is written to for a row that names them, however many of them there are before it."""
    ann, bob = house.customer(), house.customer("bob@marked.example")
    queue(house, bob)
    (his,) = table_rows(house, "outbox")
    forged = [
        {**his, "person_id": ann, "message_id": f"{at:032x}", "due": his["due"] - 1}
        for at in range(2 * BATCH)
    ]
    overwrite(house, "outbox", [his, *forged])
    box = Box()
    assert Delivery(house.provider, box).run(house.provider.gate.gate) == 1
    assert [each["To"] for each in box.messages] == ["bob@marked.example"]

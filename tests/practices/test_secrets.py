"""No text that is stored or shown holds what opens anything: links, codes, tokens, passwords."""

from __future__ import annotations

import io
import logging
import re
import zipfile
from collections.abc import Iterator
from datetime import timedelta

import msgspec
import pytest

from gate.test_faults import problems
from practices.conftest import PASSWORD, House, send
from practices.mail import link, waiting
from practices.test_guardians import family
from upheld.core.ids import PersonId
from upheld.database import rows as database
from upheld.database.schema import declared_tables, upgrade
from upheld.database.statements import dialect_of, row, rows, run
from upheld.database.transaction import writing
from upheld.gate.log import entries
from upheld.gate.transaction import GateTransaction
from upheld.practice import tasks
from upheld.practices.messages.carrier import Box
from upheld.practices.messages.compose import IN_THE_MAIL
from upheld.practices.messages.delivery import Delivery
from upheld.practices.messages.redaction import RedactionJob
from upheld.practices.messages.tables import redaction
from upheld.vault import people, values
from upheld.web import sessions

NEW = "another four plain words"


@pytest.fixture
def minted_secrets(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every secret that is made while the test runs: of links, and of sessions."""
    results: list[str] = []
    for name in ("mint", "begin"):
        makes = getattr(sessions, name)

        def noted(*args: object, makes: object = makes, **more: object) -> str:
            results.append(makes(*args, **more))  # type: ignore[operator] # the function that is wrapped
            return results[-1]

        monkeypatch.setattr(sessions, name, noted)
    return results


def delivered(house: House) -> str:
    """Send what waits; the mail, as its receivers read it."""
    box = Box()
    delivery = Delivery(house.provider, box)
    while delivery.run(house.provider.gate.gate):
        pass
    return "\n".join(part.get_content() for mail in box.messages for part in mail.iter_parts())


def database_bytes(house: House) -> bytes:
    """Every byte of every table, and every value of everybody as the gate opens it."""

    def read(transaction: GateTransaction) -> Iterator[bytes]:
        for table in declared_tables().tables:
            for each in rows(transaction.connection, f"SELECT * FROM {table}"):
                for cell in each:
                    yield cell if isinstance(cell, bytes) else str(cell).encode()
        for (person,) in rows(transaction.connection, "SELECT person_id FROM person"):
            stored_values = people.open_people(
                transaction.connection, transaction.context.keyring, [person]
            )
            for them in stored_values.values():
                result, _ = values.examine(transaction.connection, them, them.holdings)
                yield from (one.value.encode() for some in result.values() for one in some)
            for entry in entries.of_person(transaction.connection, person):
                yield msgspec.json.encode(entry.entry)

    return b"\n".join(house.do(lambda transaction: list(read(transaction))))


def stories(house: House) -> tuple[PersonId, str]:
    """Everything that makes a link, a code or a session is done once; who did it, and the mail."""
    _, minor, _ = family(house)
    guardian = house.do(
        lambda transaction: row(transaction.connection, "SELECT guardian_id FROM care")
    )
    assert guardian is not None
    mail = delivered(house)
    send(house.signed_in(guardian[0]), f"/me/family/{minor}", {"what": "password"})
    ann = house.customer()
    house.browser().post("/recover", data={"email": "ann@marked.example"})
    send(house.signed_in(ann), "/me/household", {"email": "bo@marked.example"})
    code, _ = other_code(house)
    data = {
        "name": "Di Marked",
        "email": "di@marked.example",
        "credentials": PASSWORD,
        "birth-date": "1990-01-01",
        "accept": "yes",
    }
    house.browser().post("/sign-up/form", data=data)
    mail += delivered(house)
    send(house.signed_in(ann), "/me/privacy/erase", {"sure": "yes"})
    return ann, mail + delivered(house) + code


def other_code(house: House) -> tuple[str, str]:
    """Another minor asks another guardian; the code, and nothing else."""
    page_shown = house.browser().post(
        "/sign-up/guardian", data={"email": "dad@marked.example", "name": "Kim"}
    )
    code = re.search(r"(?:[A-Z2-9]{4}-){4}[A-Z2-9]{4}", page_shown.text)
    assert code
    return code[0], ""


def message_pages(house: House, person: PersonId) -> str:
    """What pages show of somebody's messages: to them, in a copy of everything, and to staff."""
    browser = house.signed_in(person)
    list_page = browser.get("/me/messages").text
    texts = [list_page, browser.get("/me/privacy").text]
    paths = set(re.findall(r"/me/messages/[0-9a-f]{32}", list_page))
    texts += [browser.get(path).text for path in paths]
    copy = send(browser, "/me/privacy/export", {})
    archive = zipfile.ZipFile(io.BytesIO(copy.content))
    texts += [archive.read(name).decode() for name in archive.namelist()]
    task = house.do(
        lambda transaction: tasks.open_task(
            transaction, person, "ticket", "support", role="support"
        )
    )
    staff = house.signed_in(house.staff("support", sign_in="looks"), "staff")
    send(staff, f"/staff/tasks/{task}/take", {}, "/staff")
    case = staff.get(f"/staff/tasks/{task}")
    texts.append(case.text)
    texts.append(
        send(
            staff, f"/staff/tasks/{task}/reveal", {"field": "messages"}, f"/staff/tasks/{task}"
        ).text
    )
    return "\n".join(texts)


def test_no_text_that_is_stored_or_shown_opens_anything(
    house: House, minted_secrets: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Links stand in the mail alone: not in copies, exports, pages of staff, tables or logs."""
    caplog.set_level(logging.DEBUG, "upheld")
    ann, mail = stories(house)
    in_mail = [each for each in minted_secrets if each in mail]
    assert len(in_mail) >= 6, "the stories send links"
    code = mail[-24:]
    pages = message_pages(house, ann)
    logged = [each.getMessage() for each in caplog.records if not each.name.startswith("httpx")]
    everything = database_bytes(house) + pages.encode() + "\n".join(logged).encode()
    assert IN_THE_MAIL.encode() in everything, "copies say where their links are"
    assert "A new password" in pages
    assert [each for each in (*minted_secrets, code) if each.encode() in everything] == []
    assert PASSWORD.encode() not in everything


def test_a_newer_link_and_a_new_password_end_the_link_before(house: House) -> None:
    """Asked for again, the first dies at once; after any change of the password each is dead."""
    person = house.customer()

    def asks() -> str:
        house.browser().post("/recover", data={"email": "ann@marked.example"})
        return link(house, "accounts/recover")

    first = asks()
    house.browser().post("/recover", data={"email": "ann@marked.example"})
    assert house.browser().get(first).status_code == 410, "though no newer one was sent yet"
    assert [t for _, t in waiting(house)] == ["accounts/recover"]
    second = link(house, "accounts/recover")
    assert (
        send(house.signed_in(person), "/me/security/password", {"password": NEW}).status_code == 303
    )
    assert house.browser().get(second).status_code == 410
    assert house.browser().post(second, data={"password": PASSWORD}).status_code == 410
    assert [t for _, t in waiting(house)] == ["accounts/changed"], "nor is one on its way sent"


def test_a_guardians_reset_ends_the_links_before(house: House) -> None:
    """What the minor had asked for themselves works no more; the newest does."""
    guardian, minor, _ = family(house)
    house.browser().post("/recover", data={"email": "kim@marked.example"})
    before = link(house, "accounts/recover")
    send(house.signed_in(guardian), f"/me/family/{minor}", {"what": "password"})
    assert house.browser().get(before).status_code == 410
    assert house.browser().get(link(house, "guardians/reset")).status_code == 200


def test_a_session_that_is_not_fresh_finds_no_way_around_the_password(
    house: House, minted_secrets: list[str]
) -> None:
    """Whoever sits down at a browser that was left reads no link in the account's messages."""
    person = house.customer()
    house.browser().post("/recover", data={"email": "ann@marked.example"})
    mail, raw = delivered(house), minted_secrets[-1]
    assert f"/recover/{raw}" in mail
    stale = house.signed_in(person)
    house.clock.moved = timedelta(minutes=6)
    list_page = stale.get("/me/messages").text
    texts = [
        stale.get(path).text for path in set(re.findall(r"/me/messages/[0-9a-f]{32}", list_page))
    ]
    assert texts
    assert raw not in "".join((list_page, *texts))
    assert stale.get("/me/security/password").headers["location"].startswith("/sign-in/again")


OLD = """Hello Ann,

somebody asked for a new password. Choose one within thirty minutes:

<https://larch.example/recover/{raw}>

Your certificate will stand at this address:
<https://larch.example/erased/{raw}>. See <https://larch.example/me/privacy/requests>.
"""


def test_copies_from_before_lose_their_links(house: House) -> None:
    """A migration ends the links of old messages and lists their people; a job cleans the texts."""
    person = house.customer()
    raws = {}
    for kind in ("recover", "verify", "household", "guardian"):
        raws[kind] = house.do(
            lambda j, kind=kind: sessions.mint(  # type: ignore[misc] # the loop's own
                j.tables, kind, person, timedelta(days=1), house.clock.now()
            )
        )
    raw = raws["recover"]
    old = {
        "at": "2026-11-01T09:00:00+00:00",
        "purpose": "administrative-message",
        "subject": "A",
        "text": OLD.format(raw=raw),
        "message": "1" * 32,
        "clause": "x",
    }
    later = {**old, "text": "Nothing here.", "message": "2" * 32}
    value = [msgspec.json.encode(each).decode() for each in (old, later)]
    house.do(
        lambda transaction: transaction.append(
            person, "messages", value, source="customer", occasion="service-use"
        )
    )
    gate = house.provider.gate.gate
    with writing(gate.engine) as connection:
        run(connection, "DROP TABLE redaction")
        run(connection, f"UPDATE schema_version SET version_num = '{BEFORE}'")
    with writing(gate.engine) as connection:
        upgrade(connection, STEP)
        run(connection, "UPDATE schema_version SET version_num = ?", _newest())
        binary = "bytea" if dialect_of(connection).server else "blob"
        run(connection, f"ALTER TABLE redaction ADD COLUMN mac {binary}")
        table_content = rows(connection, "SELECT person_id FROM redaction")
        run(connection, "DELETE FROM redaction")
        database.insert_all(connection, redaction, [{"person_id": p} for (p,) in table_content])
    at = house.clock.now()
    live = house.do(
        lambda transaction: [
            sessions.looked_at(transaction.tables, kind, each, at) for kind, each in raws.items()
        ]
    )
    assert live == [None] * 4
    assert raw.encode() in database_bytes(house), (
        "the texts are sealed, and the migration has no keys"
    )
    run_job = RedactionJob(house.provider)
    assert run_job.run(gate) == 1
    assert raw.encode() not in database_bytes(house)
    page = house.signed_in(person).get("/me/messages/" + "1" * 32).text
    assert page.count(IN_THE_MAIL) == 2
    assert "/me/privacy/requests" in page
    assert "Nothing here." in house.signed_in(person).get("/me/messages/" + "2" * 32).text
    assert run_job.run(gate) == 0
    # The step ran on rows that are sealed by now, and on an old database runs before they are.
    assert [each for each in problems(gate) if "`link`" not in each] == []


BEFORE, STEP = "0016", "0017"


def _newest() -> str:
    from upheld.database.schema import known_revisions

    return known_revisions()[0]

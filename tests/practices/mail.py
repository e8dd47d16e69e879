"""What a test reads of the messages that wait, as their receivers will: subjects and links."""

from __future__ import annotations

import re

from practices.conftest import House
from upheld.core.ids import PersonId
from upheld.database.statements import rows
from upheld.practices.messages.carrier import Box
from upheld.practices.messages.compose import compose
from upheld.practices.messages.delivery import Delivery

_LINK = re.compile(r"<(/[^>]+)>")


def waiting(house: House) -> list[tuple[str, str]]:
    """The messages that wait in the outbox: to whom, by which template; the oldest first."""
    result = house.do(
        lambda transaction: rows(
            transaction.connection,
            "SELECT person_id, template FROM outbox WHERE state = 'waiting' ORDER BY made",
        )
    )
    return [(person, template) for person, template in result]


def link(house: House, template: str, number: int = -1) -> str:
    """The first link of a waiting message, as the message has it when it is sent."""
    person = [who for who, what in waiting(house) if what == template][number]
    result = house.do(
        lambda transaction: compose(
            house.provider,
            transaction.tables,
            template,
            PersonId(person),
            "Ann",
            {},
            lambda _: True,
        )
    )
    match = _LINK.search(result.text)
    assert match, template
    return match[1]


def deliver(house: House) -> list[str]:
    """Send what waits, as the job does; the subjects."""
    box = Box()
    Delivery(house.provider, box).run(house.provider.gate.gate)
    return [str(each["Subject"]) for each in box.messages]

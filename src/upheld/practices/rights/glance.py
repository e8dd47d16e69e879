"""At a glance, on a customer's first page: who last looked; and an erasure that is coming."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from upheld.core.ids import PersonId
from upheld.gate.act.request import ActResult
from upheld.gate.log.receipts import AccountLine
from upheld.gate.transaction import Transaction
from upheld.practice import gag_orders
from upheld.practice.plugin import Figure, PendingAction, Provider
from upheld.practices.rights import requests
from upheld.practices.rights.sentences import label
from upheld.web.pages import format_day

BACK: Final = timedelta(days=90)
FIELDS_MAX: Final = 3  # kinds of data that are named; of more, how many
PAGES: Final = {"staff": "?which=staff", "guardian": "?which=guardian"}


class LastLook:
    """The figure of who last looked, and what waits of a customer's rights."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def figures(
        self, transaction: Transaction, person_id: PersonId, _: ActResult | None
    ) -> list[Figure]:
        """Who but the customer last looked at what is held, when, and at what on that day."""
        since = transaction.clock.now() - BACK
        looks = [
            each
            for each in gag_orders.visible_entries(transaction, person_id, since)
            if _is_look(each)
        ]
        page = "/me/privacy/received"
        if not looks:
            detail = f"Nobody but you has, since {format_day(transaction.clock.local(since))}."
            return [Figure("Who last looked", "Nobody", detail, page, 40)]
        last = looks[-1]
        day_of = transaction.clock.day_of
        actor = last.entry.actor.partition(" ")[0]
        same = [
            each
            for each in looks
            if each.entry.actor == last.entry.actor and day_of(each.at) == day_of(last.at)
        ]
        fields = list(dict.fromkeys(word for each in same for word in each.entry.data))
        who = label(self.provider.policy, "party", actor)
        return [
            Figure(
                "Who last looked",
                f"{who[:1].upper()}{who[1:]}",
                f"On {format_day(day_of(last.at))}: {self._kinds(fields)}.",
                page + PAGES.get(actor, "") + _month(day_of(last.at), actor),
                40,
            )
        ]

    def _kinds(self, fields: list[str]) -> str:
        if len(fields) > FIELDS_MAX:
            return f"{len(fields)} kinds of data"
        names = [label(self.provider.policy, "data", each) for each in fields]
        return " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)

    def waiting(self, transaction: Transaction, person_id: PersonId) -> list[PendingAction]:
        """Tells a customer from when on their account will be erased, while they can stop it."""
        waits = requests.erasure_of(transaction.tables, person_id)
        if waits is None:
            return []
        first = transaction.clock.day_of(waits.received + requests.ERASURE_WAITS)
        return [
            PendingAction(
                "We will erase your account and what we hold about you from"
                f" {format_day(first)} on, as you asked. Until then you can take it back.",
                "See your request",
                requests.PAGE,
            )
        ]


def _month(day: date, actor: str) -> str:
    """The part of an address that opens the month of a day."""
    month = f"month={day:%Y-%m}"
    return ("&" if actor in PAGES else "?") + month


def _is_look(line: AccountLine) -> bool:
    """Whether somebody else looked: an act, not a refusal, and not what nobody saw."""
    entry = line.entry
    actor = entry.actor.partition(" ")[0]
    return (
        entry.kind == "act"
        and entry.action == "view"
        and bool(entry.data)
        and actor not in ("", "customer")
    )

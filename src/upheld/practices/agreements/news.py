"""What both sides have to know of agreements: that one ends soon, is over, or fits no longer.

It follows from how agreements stand, so that nobody has to send it: managers read it on their first
page, the partner on its page and by its program.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from upheld.database.own_tables import Tables
from upheld.practices.agreements import agreements
from upheld.practices.agreements.agreements import (
    LAPSED,
    SIGNED,
    SUSPENDED,
    WITHDRAWN,
    PartnerAgreement,
)
from upheld.web.pages import format_day

SOON: Final = timedelta(days=30)  # before its end, and for as long after it
FOR_US: Final = {
    SIGNED: "The agreement with {name} ends on {end}, and none follows it.",
    SUSPENDED: "The agreement with {name} no longer fits our policy.",
    LAPSED: "The agreement with {name} ended on {change}, and nothing goes to them any more.",
}
FOR_THEM: Final = {
    SIGNED: "This agreement ends on {end}, and none follows it.",
    SUSPENDED: "This agreement was suspended on {change}: you get nothing more under it.",
    WITHDRAWN: "This agreement was withdrawn on {change}: you get nothing more under it.",
    LAPSED: "This agreement ended on {change}: you get nothing more under it.",
}


class AgreementNews(NamedTuple):
    """What one side has to know of an agreement."""

    agreement: PartnerAgreement
    text: str


def for_us(tables: Tables, at: datetime) -> list[AgreementNews]:
    """What managers have to know of all agreements."""
    return _news(agreements.agreements(tables), at, FOR_US)


def for_partner(tables: Tables, party: str, at: datetime) -> list[AgreementNews]:
    """What a partner has to know of its own."""
    return _news(agreements.agreements(tables, party), at, FOR_THEM)


def _news(
    every: list[PartnerAgreement], at: datetime, sentences: dict[str, str]
) -> list[AgreementNews]:
    last = {
        each.party: max(
            other.ends for other in every if (other.party, other.state) == (each.party, SIGNED)
        )
        for each in every
        if each.state == SIGNED
    }
    return [
        AgreementNews(
            each,
            sentences[each.state].format(
                name=each.partner, end=format_day(each.ends), change=format_day(each.changed_at)
            ),
        )
        for each in every
        if each.state in sentences and _is_news(each, at, last.get(each.party))
    ]


def _is_news(each: PartnerAgreement, at: datetime, last: datetime | None) -> bool:
    """Whether it matters now; `last` is when the last agreement of that partner ends, if any."""
    if each.state == SIGNED:
        return each.ends == last and each.ends - at <= SOON
    if each.state == SUSPENDED:
        return True
    return (last is None or last <= at) and at - each.changed_at <= SOON

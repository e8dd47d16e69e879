"""Build the made-up provider: its people with names, a crowd, two years, and who signs in."""

from __future__ import annotations

from random import Random
from typing import Final

import msgspec

from upheld.core.ids import NO_USER, UserId
from upheld.demo import names
from upheld.demo.months import MONTHS, Member, Progress, Years, untold
from upheld.demo.scenes import PASSWORD, Scenes
from upheld.practice.plugin import Provider
from upheld.practices.accounts.terms import Agreement
from upheld.web import passwords

CUSTOMERS: Final = 200
_SEED: Final = 2_750
_PLANS: Final = (
    ("dsl-10",),
    ("dsl-50",),
    ("dsl-50", "phone"),
    ("fibre-500",),
    ("fibre-500", "mail"),
    ("hosting", "mail"),
)
# Each with a name: in which month they sign up, their age, plans, and whether somebody looks.
_NAMED: Final = {
    "ann": ("Ann Marlow", 0, 44, ("fibre-500", "phone", "mail"), True),
    "ruth": ("Ruth Bell", 1, 47, ("dsl-50",), True),
    "tom": ("Tom Marlow", 4, 46, ("hosting",), True),
    "kim": ("Kim Bell", 9, 16, ("mail",), True),
    "dan": ("Dan Frost", 2, 35, ("dsl-50", "phone"), True),
    "eve": ("Eve Stone", 3, 29, ("fibre-500",), True),
    "flo": ("Flo Winter", 3, 61, ("dsl-10",), True),
    "lee": ("Lee Abbot", 18, 33, ("dsl-10",), True),
    "gil": ("Gil Moor", 19, 58, ("dsl-50",), True),
    "may": ("May Lake", 20, 71, ("dsl-10",), False),
    "ned": ("Ned Pike", MONTHS - 1, 52, (), False),
}


class SignIn(msgspec.Struct, frozen=True):
    """Somebody who signs in: where, by what, and what there is to see as them.

    `secret` is the address that an authenticator would read; nobody else's is kept anywhere.
    """

    kind: str
    title: str
    name: str
    sign_in: str
    line: str
    user_id: UserId = NO_USER
    secret: str = ""


CUSTOMERS_SHOWN: Final = (
    (
        "ann",
        "A customer",
        "two years of invoices, one of them to be paid; a household, choices, requests",
    ),
    (
        "kim",
        "A minor",
        "sixteen, here with her guardian's permission; her mother looks after her",
    ),
    ("ruth", "A guardian", "looks after Kim, pays for her, and can take any of it back"),
    ("dan", "A debtor", "owes three months; the task to collect it waits in the console"),
    ("eve", "A debtor", "whose account an agent has; once she pays, it is recalled"),
    ("gil", "Under notice", "the last version of the policy holds for him 60 days after a message"),
    ("tom", "Under approval", "is shown what changed in the policy, and approves or refuses it"),
)
DESKS_SHOWN: Final = (
    ("olga", "Support, billing, privacy", "the console: tickets, debts, requests"),
    (
        "max",
        "A manager",
        "who works here, the safeguards, a version and an advertisement to approve; our counsel",
    ),
    ("ivy", "An analyst", "asks for anonymous reports, and for extracts under pseudonyms"),
    ("sara", "Security", "a queue of another role; as a legal officer, the order of a court"),
    ("lena", "A legal officer", "the order of a court to approve, takeovers and incidents"),
    ("ed", "An agent", "of an engaged company; sees what is due, and nothing else"),
    (
        "pia",
        "An advertiser",
        "books advertisements, reads how often they were seen, and has an invoice",
    ),
    ("joy", "A client of reports", "asks for anonymous numbers, within the budget that all share"),
)


def build(
    provider: Provider, customers: int = CUSTOMERS, progress: Progress = untold
) -> list[SignIn]:
    """Fill an empty provider with so many customers and two years; who signs in."""
    random = Random(_SEED)  # noqa: S311 - nothing secret is drawn from it
    secret = passwords.hashed(PASSWORD)
    today = provider.today()
    members = {
        word: Member(
            names.person(random, today, name, age, email=f"{word}@{names.DOMAIN}", gender=""),
            month,
            plans,
            on_page=examples,
        )
        for word, (name, month, age, plans, examples) in _NAMED.items()
    }
    crowd = [
        Member(applicant, _joined(random, at), _plans(random, at))
        for at, applicant in enumerate(names.crowd(random, today, max(0, customers - len(members))))
    ]
    years = Years(provider, [*members.values(), *crowd], secret, random, progress)
    with provider.gate.gate.look() as tables:
        years.agreement = Agreement(provider.settings.agreement).digest(tables)
    scenes = Scenes(years, members)
    scenes.plan()
    years.tell()
    examples = [
        SignIn("customer", title, members[word].persona.name, members[word].persona.email, line)
        for word, title, line in CUSTOMERS_SHOWN
    ]
    desks = [(scenes.staff[word], title, line) for word, title, line in DESKS_SHOWN]
    return examples + [
        SignIn(user.kind, title, user.name, user.sign_in, line, user.user_id, address)
        for (user, address), title, line in desks
    ]


def _plans(random: Random, at: int) -> tuple[str, ...]:
    """What somebody of the crowd orders; a few order nothing, and do not come back."""
    plans = random.choice(_PLANS)
    return () if at % 8 == 3 else plans


def _joined(random: Random, at: int) -> int:
    """In which month somebody of the crowd signs up: a few long ago, most of them lately."""
    return random.randint(0, 6) if at % 16 == 0 else random.randint(MONTHS - 7, MONTHS - 2)

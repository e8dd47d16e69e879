"""Signs that an advertiser passes for another company, or has two accounts: for whoever reviews.

Managers read of them and decide: a company may have a name like another's, and one owner may have
two shops.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final, NamedTuple

from upheld.core.company_names import company_name
from upheld.gate.transaction import Transaction
from upheld.practice import operators, parties, party_keys, party_mail
from upheld.practices.ads import campaigns
from upheld.practices.ads.campaigns import Campaign

# What is taken for a Latin letter: of Cyrillic and Greek, and digits.
_ALIKE: Final = str.maketrans(
    "авекмнорстухіјѕԁɡһӏαβεικνορτυχωłı0135",
    "abekmhopctyxijsdghlabeikvoptuxwlioles",
)
_PAIRS: Final = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("i", "l"), ("j", "l"))
_FORMS: Final = frozenset({"inc", "llc", "ltd", "corp", "co", "company", "gmbh", "the"})
_LONG: Final = 8  # letters from which two may differ; from half as many, one


class _Company(NamedTuple):
    """What is known of a company that another may share; empty where there is nothing."""

    name: str
    domain: str
    mail: str
    key: str
    agents: frozenset[str]
    pages: frozenset[str]
    texts: frozenset[str]


def signs(transaction: Transaction, its: Campaign) -> list[str]:
    """What speaks for it that the advertiser of a campaign is, or passes for, another company."""
    companies = _companies(transaction)
    mine = companies[its.party]._replace(
        pages=frozenset({its.address}), texts=frozenset({_folded(its.text)})
    )
    others = (each for party, each in companies.items() if party != its.party)
    return [
        sentence.format(name=other.name)
        for other in sorted(others, key=lambda each: each.name)
        for sentence in _signs_of(mine, other)
    ]


def _companies(transaction: Transaction) -> dict[str, _Company]:
    """All companies that are or were on the register or have a campaign, by word."""
    tables = transaction.tables
    its_campaigns: dict[str, list[Campaign]] = {}
    for each in campaigns.every(tables):
        its_campaigns.setdefault(each.party, []).append(each)
    agents = [each for each in operators.all_users(tables) if each.kind == "agent"]
    words = {each.party for each in parties.roles(transaction)} | its_campaigns.keys()
    return {
        party: _Company(
            company_name(party),
            campaigns.domain_of(tables, party),
            party_mail.find(tables, party).casefold(),
            party_keys.find(tables, party),
            frozenset(_folded(each.name) for each in agents if each.party == party),
            frozenset(each.address for each in its_campaigns.get(party, ())),
            frozenset(_folded(each.text) for each in its_campaigns.get(party, ())),
        )
        for party in words
    }


def _signs_of(mine: _Company, other: _Company) -> Iterator[str]:
    """What speaks for it that two companies are one, or one is meant to be taken for the other."""
    if are_alike(mine.name, other.name):
        yield "Its name looks like that of {name}."
    if mine.domain and other.domain:
        if f".{mine.domain}".endswith(f".{other.domain}"):
            yield "Its pages lie on the domain of {name}."
        elif are_alike(_site(mine.domain), _site(other.domain)):
            yield "Its domain looks like that of {name}."
    if mine.mail and mine.mail == other.mail:
        yield "Mail to it goes to the same address as mail to {name}."
    if mine.key and mine.key == other.key:
        yield "It has the same key as {name}."
    if mine.agents & other.agents:
        yield "Somebody of the same name works for it and for {name}."
    if mine.pages & other.pages:
        yield "An advertisement of {name} leads to the same page."
    if mine.texts & other.texts:
        yield "An advertisement of {name} has the same text."


def are_alike(one: str, other: str) -> bool:
    """Whether people could take one name for another."""
    mine, theirs = _skeleton(one), _skeleton(other)
    if not mine or not theirs:
        return False
    shorter = min(len(mine), len(theirs))
    most = 2 if shorter >= _LONG else int(shorter >= _LONG // 2)
    return distance(mine, theirs) <= most


def distance(one: str, other: str) -> int:
    """How many letters are to be put in, taken out, changed or swapped with the next one."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        row = [at]
        for there, its in enumerate(other, 1):
            cost = min(last[there] + 1, row[-1] + 1, last[there - 1] + (letter != its))
            if min(at, there) > 1 and letter == other[there - 2] and one[at - 2] == its:
                cost = min(cost, before[there - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]


def _skeleton(name: str) -> str:
    """What is left of a name when letters that look alike are one, without its legal form."""
    words = [each for each in _folded(name).split() if each not in _FORMS]
    plain = look_alikes("".join(words))
    for pair, one in _PAIRS:
        plain = plain.replace(pair, one)
    return plain


def look_alikes(word: str) -> str:
    """A word in small letters, with the Latin letters that its others and digits look like."""
    return word.translate(_ALIKE)


def _folded(text: str) -> str:
    """A text in small letters without marks and signs."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    letters = (each for each in plain if not unicodedata.combining(each))
    return " ".join("".join(e if e.isalnum() else " " for e in letters).split())


def _site(domain: str) -> str:
    """What people read in a domain: without its last part."""
    return domain.rpartition(".")[0].removeprefix("www.")

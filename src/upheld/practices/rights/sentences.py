"""Entries of the ledger and clauses of the policy, as sentences for the person they are about."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from upheld.core.ids import PersonId
from upheld.gate.gate import Gate
from upheld.gate.log.sentences import entry_sentence
from upheld.gate.public import Entry
from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.policy.words import Words
from upheld.practice.accounting import DISCLOSURES
from upheld.practice.citations import VERSIONS, quote_for
from upheld.web.pages import format_day

_ID: Final = re.compile(r",? \b[0-9a-f]{32}\b,?")  # of a person: it says nothing to another


class CitedClause(NamedTuple):
    """A clause as it is cited: its id, its title, its text."""

    id: str
    title: str
    text: str
    page: str = ""  # of the version that has it, if that is not the one in force


@lru_cache(maxsize=8)
def words_of(policy: Policy) -> Words:
    """The words of a policy; one object for each policy that is in force."""
    return Words(policy.program)


def label(policy: Policy, tree: str, word: str) -> str:
    """What people call a word; the word itself where a later policy has it no more."""
    if word in policy.program.vocabulary.tree(tree):
        return words_of(policy).term(tree, word)
    return word.replace("-", " ").replace("/", ", ")


def clauses(policy: Policy, ids: tuple[str, ...] | list[str], page: str = "") -> list[CitedClause]:
    """Clauses by their ids, those that do not stand in the policy without a text.

    `page` is that of the policy, if it is not the one in force.
    """
    texts = {clause.id: clause.text.strip() for clause in policy.program.clauses if clause.id}
    cited = []
    for name in filter(None, ids):
        where = page if name in texts else ""
        cited.append(CitedClause(name, name.replace("-", " "), texts.get(name, ""), where))
    return cited


def clauses_for(
    transaction: Transaction, person_id: PersonId, ids: Sequence[str]
) -> list[CitedClause]:
    """Clauses as bind somebody; one that no version has any more comes without a text."""
    cited = clauses(transaction.policy, list(ids))
    if all(each.text for each in cited):
        return cited
    earlier = {
        each.id: CitedClause(each.id, each.id.replace("-", " "), each.text.strip(), each.page)
        for each in quote_for(transaction, person_id, ids)
        if each.version
    }
    return [earlier.get(each.id, each) for each in cited]


def version_page(gate: Gate, entry: Entry) -> str:
    """The page of the version that decided an entry; empty for the one in force."""
    number = gate.edition_number(entry.policy)
    return f"{VERSIONS}/{number}" if number and entry.policy != gate.policy.digest else ""


def clauses_in_force(policy: Policy, ids: Sequence[str]) -> list[CitedClause]:
    """Those of some clauses that stand in the policy in force, items with what introduces them."""
    return [
        each._replace(text=_with_introduction(policy, each.id))
        for each in clauses(policy, list(ids))
        if each.text
    ]


def _with_introduction(policy: Policy, clause_id: str) -> str:
    """The text of a clause as one reads it alone: of an item, after what introduces its list."""
    every = policy.program.clauses
    clause = next(each for each in every if each.id == clause_id)
    texts = [clause.text.strip()]
    while clause.parent >= 0:
        clause = every[clause.parent]
        texts.insert(0, clause.text.strip())
    text = " ".join(texts)
    return f"{text[:-1]}." if len(texts) > 1 and text.endswith(";") else text


def sentence(entry: Entry, policy: Policy) -> str:
    """An entry as a sentence, without its day and its clauses."""
    text = entry_sentence(msgspec.structs.replace(entry, clauses=()), policy)
    text = _ID.sub("", text.removeprefix(f"On {format_day(entry.time)} "))
    return f"{text[:1].upper()}{text[1:]}."


def matches_filter(entry: Entry, which: str) -> bool:
    """Whether an entry is one of those that a filter asks for; all of them without a filter."""
    actor, recipient = entry.actor.partition(" ")[0], entry.recipient.partition(" ")[0]
    if which == "disclosures":
        is_disclosure = entry.kind == "act" and entry.action in DISCLOSURES
        return is_disclosure and recipient not in ("customer", "")
    if which in ("staff", "guardian"):  # what they looked at, and who was looked up
        return actor == which and entry.kind in ("act", "refusal", "look-up")
    return entry.kind == "refusal" if which == "refusals" else True

"""Entries of the ledger and clauses of the policy, as sentences for the person they are about."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from upheld.gate.entries import Kept
from upheld.ledger.entries import Entry
from upheld.policy.load import Policy
from upheld.policy.plain import Plain, listed

PAST: Final = {
    "collect": "took in", "combine": "combined", "store": "stored", "use": "used",
    "view": "looked at", "infer": "concluded", "share": "gave", "rent": "rented out",
    "sell": "sold", "transfer": "transferred", "contact": "wrote to you",
    "serve": "gave you access to our services", "show-ad": "chose advertisements by",
    "set-cookie": "set a cookie of ours", "read-cookie": "read a cookie of ours",
    "bind": "held you to the policy in force", "terminate": "ended services",
    "answer-access": "answered your request for what we hold",
    "answer-correction": "corrected what we hold, as you asked",
    "answer-erasure": "erased what we hold, as you asked",
    "apply-privacy-signal": "took your browser’s privacy signal as an opt-out",
    "notify-breach": "told you of a breach", "charge": "charged what a minor’s use cost",
    "notify-transfer": "told you that your account was transferred",
    "review-disclosure": "reviewed a disclosure after the fact",
}  # fmt: skip
WHO: Final = {"customer": "You", "staff": "Our staff", "guardian": "Your parent or guardian"}
RECORDS: Final = {"add": "We made a record", "withdraw": "A record was withdrawn",
                  "end": "A record came to its end"}  # fmt: skip
OTHERS: Final = {
    "person": "We made a place for what you would tell us",
    "retention": "We deleted what had become old of", "import": "We brought in what we held before",
}  # fmt: skip


class Clause(NamedTuple):
    """A clause as it is cited: its id, its title, its text."""

    id: str
    title: str
    text: str


@lru_cache(maxsize=8)
def plain_of(policy: Policy) -> Plain:
    """The words of a policy; one object for each policy that is in force."""
    return Plain(policy.program)


def label(policy: Policy, tree: str, word: str) -> str:
    """What people call a word; the word itself where a later policy has it no more."""
    return plain_of(policy).label(tree, word) if word in policy.program.vocabulary.tree(tree) else (
        word.replace("-", " ").replace("/", ", ")
    )  # fmt: skip


def clauses(policy: Policy, ids: tuple[str, ...] | list[str]) -> list[Clause]:
    """Clauses by their ids, those that stand in the policy no more without a text."""
    texts = {clause.id: clause.text.strip() for clause in policy.program.clauses if clause.id}
    return [Clause(name, name.replace("-", " "), texts.get(name, "")) for name in ids if name]


def told(entry: Entry, policy: Policy) -> str:
    """What an entry says, in a sentence for the person it is about."""
    if entry.kind == "refusal":
        return f"Refused: {_asker(entry)} asked to {_infinitive(entry, policy)}."
    if entry.action in PAST and entry.kind == "act":
        who = WHO.get(entry.actor.partition(" ")[0], "We")
        return f"{who} {PAST[entry.action]}{_about(entry, policy)}."
    if entry.kind == "record":
        verb, _, kind = entry.action.partition(" ")
        return f"{RECORDS.get(verb, 'We changed a record')} of this kind: {_kind(kind, policy)}."
    if entry.kind in OTHERS:
        return f"{OTHERS[entry.kind]}{_data(entry, policy)}."
    done = label(policy, "action", entry.action) if entry.action else entry.kind.replace(".", " ")
    return f"{done[:1].upper()}{done[1:]}{_about(entry, policy)}."


def _asker(entry: Entry) -> str:
    return WHO.get(entry.actor.partition(" ")[0], "we").replace("You", "you").replace(
        "Our", "our").replace("Your", "your")  # fmt: skip


def _infinitive(entry: Entry, policy: Policy) -> str:
    return label(policy, "action", entry.action) + _about(entry, policy)


def _about(entry: Entry, policy: Policy) -> str:
    said = _data(entry, policy)
    if entry.source:
        said += f" from {_party(entry.source, policy)}"
    if entry.recipient:
        said += f" to {_party(entry.recipient, policy)}"
    if entry.purpose:
        said += f", for {label(policy, 'purpose', entry.purpose)}"
    if entry.occasion and entry.occasion != "other":
        said += f", {label(policy, 'occasion', entry.occasion)}"
    return said


def _data(entry: Entry, policy: Policy) -> str:
    if not entry.data:
        return ""
    names = [label(policy, "data", word) for word in entry.data]
    if len(names) > 8:
        return f" {len(names)} kinds of information about you ({listed(names, 'and')})"
    return f" your {listed(names, 'and')}"


def _party(told: str, policy: Policy) -> str:
    kind, _, name = told.partition(" ")
    said = label(policy, "party", kind)
    return f"{said} ({name})" if name and kind not in WHO else said


def _kind(kind: str, policy: Policy) -> str:
    """What a kind of record proves, in the words of its facts."""
    facts = [f for f in policy.program.vocabulary.facts.values() if f.proof == kind and f.label]
    if len(facts) == 1:
        return facts[0].label
    return kind.replace("-", " ")


DISCLOSURES: Final = ("share", "rent", "sell", "transfer")


def belongs(kept: Kept, which: str) -> bool:
    """Whether an entry is one of those that a filter asks for; all of them without a filter."""
    entry = kept.entry
    actor, recipient = entry.actor.partition(" ")[0], entry.recipient.partition(" ")[0]
    if which == "disclosures":
        given = entry.kind == "act" and entry.action in DISCLOSURES
        return given and recipient not in ("customer", "")
    if which in ("staff", "guardian"):
        return actor == which
    return entry.kind == "refusal" if which == "refusals" else True

"""An entry as a person is told it: who did what with which data, to whom, by which clause.

The words are the labels of the policy's vocabulary; a word that the policy in force no longer knows
is told as it stands. Only what the entry says is told, so that no value can be in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final

from upheld.core.company_names import company_name
from upheld.core.dimensions import DATA, PARTIES, dimension_values
from upheld.core.errors import UpheldError
from upheld.gate.editions.licences import REFUSES
from upheld.gate.log.sentence_words import (
    ANY_RECORD,
    DEFAULT_ACTORS,
    DONE_BY_SOMEBODY,
    PAYMENTS,
    RECORDS,
    SENTENCES,
    STEPS,
)
from upheld.ledger.entries import Entry
from upheld.policy.english import word_list
from upheld.policy.load import Policy
from upheld.policy.prose import LEADS, Prose
from upheld.policy.retelling import (
    YOU,
    Mention,
    about_person,
    mention_of,
    one_of,
    past_occasion,
    past_tense,
)
from upheld.policy.vocabulary import OTHER, TREE_OF

_PARTIES: Final = ("source", "recipient")
UNCOPIED: Final = "no-copy"  # the problem of a message that was sent and not copied
_PROVIDER: Final = "provider"
_PEOPLE: Final = frozenset({"customer", "guardian", "staff"})  # who are no companies

_OF_PRACTICES: Final[dict[str, str]] = {}


def add_sentences(texts: Mapping[str, str]) -> None:
    """Sentences for kinds of entries that a practice brings: by kind, what happened.

    `{actor}` is who did it, as the entry says; `{who}`, `{whose}` and `{whom}` are the person:
    "{actor} fulfilled {whose} wish". UpheldError for a kind that has another sentence already, and
    for a text that asks for anything else.
    """
    for kind, text in texts.items():
        if kind in SENTENCES or _OF_PRACTICES.get(kind, text) != text:
            raise UpheldError(
                f"entries of the kind `{kind}` have a sentence already",
                code="practice",
                hint="begin the kind's name with that of the practice",
            )
        try:
            text.format(**_blanks(YOU))
        except (KeyError, IndexError, ValueError):
            raise UpheldError(
                f"the sentence of `{kind}` cannot be filled in",
                code="practice",
                hint="it may have {actor}, {who}, {whose}, {whom}, {party} and {data}",
            ) from None
        _OF_PRACTICES[kind] = text


def _blanks(person: Mention, **others: str) -> dict[str, str]:
    """What fills the blanks of a sentence."""
    blanks = {"actor": "we", "party": "", "data": "", "message": "", "record": ""}
    return {**blanks, "who": person.who, "whose": person.whose, "whom": person.whom, **others}


@lru_cache(maxsize=8)
def _prose(policy: Policy) -> Prose:
    return Prose(policy.program)


def entry_sentence(entry: Entry, policy: Policy, *, whose: str = "your") -> str:
    """An entry as one sentence without its full stop; `whose` is “your” to the person it is about.

    For example: “On 3 March 2026 we shared your name and balance with a collection agent, acme, for
    collecting what is owed, by #collecting-charges”.
    """
    text = _Sentence(_prose(policy), entry, mention_of(whose)).text()
    text = f"On {_day(entry.time)} {text}"
    if entry.clauses:
        text += ", by " + word_list((f"#{clause}" for clause in entry.clauses), "and")
    if entry.violation:
        text += f"; no clause allowed it: {entry.violation}"
    return text


def _day(stamp: str) -> str:
    moment = datetime.fromisoformat(stamp)
    return f"{moment.day} {moment:%B %Y}"


def _apposition(kind: str, name: str) -> str:
    """Whoever of a kind an entry names: a company by its name, a person as they are."""
    if not name:
        return ""
    return f", {name if kind in _PEOPLE else company_name(name)},"


class _Sentence:
    """One entry, told about a person."""

    def __init__(self, prose: Prose, entry: Entry, person: Mention) -> None:
        self.prose, self.entry, self.person = prose, entry, person
        label = prose.label("action", entry.action) if entry.action else ""
        self.action = about_person(label, person)

    def text(self) -> str:
        """What happened, without its day and its clauses."""
        match self.entry.kind:
            case "act":
                return self._act()
            case "refusal":
                return self._refusal()
            case "record":
                return self._record()
            case "late":
                return f"we were late to {self.action}"
            case "lapsed":
                return f"we no longer had to {self.action}"
            case kind:
                return self._note(self._template(kind))

    def _act(self) -> str:
        if self._is_message:
            return f"{self._actor()} decided to send {self.person.whom} {self._message()}"
        if self.action.startswith("charge "):  # what is charged stands on the invoice
            return f"{self._actor()} decided to {self.action}{self._scope()}"
        return f"{self._actor()} {past_tense(self.action)}{self._scope(is_over=True)}"

    def _refusal(self) -> str:
        why = "our policy does not allow it"
        if self.entry.problem.startswith(REFUSES):
            why = "the licence of whoever told us of it does not allow it"
        elif self.entry.outcome == "needs-proof":
            why = "we had no proof that we may"
        elif self.entry.problem:
            why = "we could not make sure that we may"
        if self._is_message:
            return f"{self._actor()} did not send {self.person.whom} {self._message()}: {why}"
        return f"{self._actor()} did not {self.action}{self._scope()}: {why}"

    def _template(self, kind: str) -> str:
        if kind == "payment":
            if self.entry.problem:
                return PAYMENTS["declined"]
            if self.entry.actor:
                return PAYMENTS.get(self.entry.action, PAYMENTS[""])
        if kind in DONE_BY_SOMEBODY and self.entry.actor:
            return DONE_BY_SOMEBODY[kind]
        text = SENTENCES.get(kind) or _OF_PRACTICES.get(kind)
        return text or f"we noted this: {kind.replace('-', ' ').replace('.', ' ')}"

    def _note(self, template: str, record: str = "") -> str:
        party = self._party(self.entry.recipient) if self.entry.recipient else ""
        data = self._data() if self.entry.data else f"something about {self.person.whom}"
        values = _blanks(
            self.person,
            actor=self._actor(),
            party=party.removesuffix(",") or "the agent who collected for us",
            data=data,
            message=self._message() if "{message}" in template else "",
            record=record,
        )
        copy = "; we kept no copy of it" if self.entry.problem == UNCOPIED else ""
        return template.format(**values) + copy

    def _record(self) -> str:
        """What was done about a record, by whom if the entry says so."""
        step, _, kind = self.entry.action.partition(" ")
        words = RECORDS.get(kind, ANY_RECORD)
        record = f"a record of {self.person.whose} {kind.replace('-', ' ')}".strip()
        if step not in STEPS:
            return f"we changed {record}"
        at = STEPS.index(step)
        if self.entry.actor:
            return self._note(f"{{actor}} {words[at]}", record)
        return self._note(words[len(STEPS) + at], record)

    def _actor(self) -> str:
        """Who did it: whom the entry names, else whoever alone does such things."""
        if self.entry.actor:
            return self._party(self.entry.actor)
        default = DEFAULT_ACTORS.get(self.entry.kind, "we")
        return default.format(who=self.person.who)

    def _party(self, party: str) -> str:
        kind, _, name = party.partition(" ")
        label = self.prose.label("party", kind)
        if label in ("you", "us"):
            return self.person.who if label == "you" else "we"
        return about_person(label, self.person) + _apposition(kind, name)

    @property
    def _is_message(self) -> bool:
        """Whether it is about a message of a sort that has a name."""
        return self.prose.is_message(self.entry.action, self.entry.purpose)

    def _message(self) -> str:
        """What was sent: `an administrative message`, or a message for another purpose."""
        if not self.entry.purpose:
            return "a message"
        label = about_person(self.prose.label("purpose", self.entry.purpose), self.person)
        return one_of(label) if self._is_message else f"a message ({label})"

    def _data(self) -> str:
        return about_person(self.prose.list_labels("data", self.entry.data, "and"), self.person)

    def _scope(self, *, is_over: bool = False) -> str:
        """Which data, and from, to or by whom, for what and when."""
        entry, text = self.entry, ""
        if entry.data:
            text += f" {self._data()}"
        for role in _PARTIES:
            party = getattr(entry, role)
            if not party or (role == "source" and party == _PROVIDER):
                continue  # nothing comes from ourselves
            kind, _, name = party.partition(" ")
            is_sharing = role == "recipient" and self.action.startswith("share")
            lead = "with" if is_sharing else LEADS[role]
            text += f" {lead} {about_person(self.prose.label('party', kind), self.person)}"
            text += _apposition(kind, name)
        for name, word in dimension_values(entry, DATA, *PARTIES).items():
            if word != OTHER:
                text += f" {LEADS[name]}" if name in LEADS else ""
                text += f" {self._word(name, word, is_over=is_over)}"
        return text.rstrip(",")

    def _word(self, dimension: str, word: str, *, is_over: bool) -> str:
        label = self.prose.label(TREE_OF[dimension], word)
        if is_over and dimension == "occasion":
            label = past_occasion(label)
        return about_person(label, self.person)

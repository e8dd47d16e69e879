"""What was done, as a story: one line for each event, whose entries are its steps.

An event is what happened at one go for one purpose: a payment by card is one, though a dozen
entries tell of it. What somebody else saw or received, and what was refused, is never a step of
something else: each of them is told, and only looks of the same kind by the same person are one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from upheld.core.company_names import company_name
from upheld.core.dimensions import PARTIES
from upheld.gate.log.receipts import AccountLine
from upheld.gate.public import Entry
from upheld.policy.english import word_list
from upheld.policy.load import Policy
from upheld.practice.accounting import DISCLOSURES
from upheld.practices.rights.sentences import label, sentence

_ID: Final = re.compile(r"[0-9a-f]{32}")
WITHIN: Final = timedelta(seconds=10)  # of one another are the steps of one event
LOOKS_WITHIN: Final = timedelta(minutes=30)  # are one look, field by field
OWN: Final = "customer"
STAFF: Final = "staff"
VIEW: Final = "view"
# What says most of an event, the first of these that it has; then what is stored, and the rest.
_ACTS: Final = ("store", "collect", "use", VIEW, "serve")
_LAST: Final = frozenset({"sent", "unsent"})  # with which a message's event ends
_TITLES: Final = ("act", "record", "acceptance")
_OUTCOMES: Final = ("payment",)  # what came of an event in which something was disclosed
CODE_DIGITS: Final = 6  # of the id of a member of staff: enough to tell them apart
_OFTEN: Final = {1: "once", 2: "twice"}


class StoryEvent(NamedTuple):
    """An event: the entry that says most of it, and all of its entries in their order."""

    head: AccountLine
    lines: tuple[AccountLine, ...]

    @property
    def data(self) -> tuple[str, ...]:
        """The data of all looks, or of the one act that says most."""
        if not is_look(self.head.entry):
            return self.head.entry.data
        return tuple(dict.fromkeys(word for each in self.lines for word in each.entry.data))

    def title(self, policy_behind: Callable[[Entry], Policy], note: str = "") -> str:
        """What happened, with all data of a look; first of all what came of it.

        `note` is what a practice says of that besides.
        """
        whole = msgspec.structs.replace(self.head.entry, data=self.data)
        texts = [sentence(whole, policy_behind(whole)), note]
        if is_disclosure(whole):
            others = [each.entry for each in self.lines if each.entry.kind in _OUTCOMES]
            texts = [*(sentence(each, policy_behind(each)) for each in others), note, texts[0]]
        return " ".join(each for each in texts if each)

    @property
    def is_own(self) -> bool:
        """Whether it is nothing but the person's own look at a page."""
        return all(_is_routine(each.entry) for each in self.lines)


class OutsideAccess(NamedTuple):
    """Somebody else who saw or received something: who, what, how often, and when last."""

    who: str
    party: str
    verb: str
    data: str
    times: str
    last: datetime


def is_disclosure(entry: Entry) -> bool:
    """Whether something was given to somebody else."""
    recipient = entry.recipient.partition(" ")[0]
    return entry.kind == "act" and entry.action in DISCLOSURES and recipient not in {OWN, ""}


def is_look(entry: Entry) -> bool:
    """Whether somebody other than the person looked at something, or looked them up."""
    looked = entry.kind == "look-up" or (entry.kind == "act" and entry.action == VIEW)
    return looked and entry.actor.partition(" ")[0] not in {OWN, ""}


def stands_alone(entry: Entry) -> bool:
    """Whether an entry has a line of its own, and is a step of nothing else."""
    return (
        entry.kind == "refusal" or bool(entry.violation) or is_disclosure(entry) or is_look(entry)
    )


def _is_routine(entry: Entry) -> bool:
    """Whether an entry is of a person's own visit: they looked, were let in, were recognised."""
    if entry.kind != "act" or entry.violation:
        return False
    if entry.action == VIEW:
        return entry.actor.partition(" ")[0] == OWN
    return entry.action == "serve" or (entry.action == "use" and entry.purpose == "security")


def events_of(lines: Sequence[AccountLine]) -> list[StoryEvent]:
    """The events that some entries tell of, in their order; each entry is in one of them.

    That a message may be sent is decided when it is written, and is a step of its being sent.
    """
    events: list[list[AccountLine]] = []
    for line in lines:
        if events and _continues(events[-1], line):
            events[-1].append(line)
        else:
            events.append([line])
    _join_decisions(events)
    return [StoryEvent(min(some, key=_rank), tuple(some)) for some in events if some]


def _join_decisions(events: list[list[AccountLine]]) -> None:
    """Let each decision to send a message be a step of the event in which it was sent."""
    decisions = {
        str(line.number): (line, some)
        for some in events
        for line in some
        if line.entry.action == "contact" and line.entry.kind == "act"
    }
    for some in events:
        for after in [each.entry.after for each in some if each.entry.kind in _LAST]:
            decision, where = decisions.get(after, (None, some))
            if decision is not None and where is not some:
                where.remove(decision)
                some.insert(0, decision)


def _continues(some: Sequence[AccountLine], line: AccountLine) -> bool:
    """Whether an entry is a further step of the event of the entries before it."""
    before, entry = some[-1].entry, line.entry
    if is_look(entry) or is_look(before):
        return (
            is_look(entry)
            and is_look(before)
            and _whose_look(entry) == _whose_look(before)
            and line.at - some[-1].at <= LOOKS_WITHIN
        )
    if before.kind in _LAST or line.at - some[-1].at > WITHIN:
        return False
    if _is_routine(entry) != _is_routine(before):
        return False
    if stands_alone(entry) and any(stands_alone(each.entry) for each in some):
        return False
    purposes = {each.entry.purpose for each in some} - {""}
    return not entry.purpose or not purposes or entry.purpose in purposes


def _whose_look(entry: Entry) -> tuple[str, ...]:
    return entry.kind, entry.actor, entry.purpose, entry.violation, *entry.clauses


def _rank(line: AccountLine) -> tuple[int, int]:
    """How much an entry says of its event: least is most."""
    entry = line.entry
    if stands_alone(entry):
        rank = 0
    elif entry.kind == "record":
        rank = 3 if entry.actor else 6
    elif entry.kind not in _TITLES:
        rank = 2
    elif entry.action in _ACTS:
        rank = 7 + _ACTS.index(entry.action)
    else:
        rank = 5 if entry.action.startswith(("contact", "write", "send")) else 1
    return rank, line.number


def accesses(lines: Iterable[AccountLine], policy: Policy) -> list[OutsideAccess]:
    """Who else saw or received something, whoever did so last first."""
    by_party: dict[tuple[str, str], list[AccountLine]] = {}
    for line in lines:
        entry = line.entry
        if is_disclosure(entry):
            by_party.setdefault((entry.recipient, "received"), []).append(line)
        elif is_look(entry):
            by_party.setdefault((party_word(entry.actor), "looked at"), []).append(line)
    rows = [_access(*key, some, policy) for key, some in by_party.items()]
    return sorted(rows, key=lambda each: each.last, reverse=True)


def _access(party: str, verb: str, some: Sequence[AccountLine], policy: Policy) -> OutsideAccess:
    words = dict.fromkeys(word for each in some for word in each.entry.data)
    data = word_list([label(policy, "data", word) for word in words], "and")
    times = len(events_of(some))
    often = _OFTEN.get(times, f"{times} times")
    return OutsideAccess(party_name(party, policy), party, verb, data, often, some[-1].at)


def party_word(party: str) -> str:
    """A party and its name, as an address has them: of staff a code in place of the id."""
    kind, _, name = party.partition(" ")
    return f"{kind} {staff_code(name)}" if _ID.fullmatch(name) else party


def staff_code(name: str) -> str:
    """The code by which a member of staff is told from others; empty for what is no id."""
    return name[:CODE_DIGITS] if _ID.fullmatch(name) else ""


def is_with(entry: Entry, party: str) -> bool:
    """Whether somebody had to do with an entry: a kind of party, one by its name, or by its code.

    Everybody had, where no party is named.
    """
    parties = [each for role in PARTIES if (each := getattr(entry, role))]
    return not party or any(
        party in (each, party_word(each), *each.split(" ", 1)) for each in parties
    )


def party_name(party: str, policy: Policy) -> str:
    """A party as people call it: what it is, and its name where an entry has one."""
    kind, _, name = party.partition(" ")
    what = label(policy, "party", kind)
    if kind == STAFF and name:
        return f"{what}, member {name}"
    return f"{what}, {company_name(name)}" if name else what


def parties_of(lines: Iterable[AccountLine], policy: Policy) -> list[tuple[str, str]]:
    """Everybody who is named in some entries besides the person: word and name, to choose from."""
    words = {
        word
        for each in lines
        for role in PARTIES
        if (party := getattr(each.entry, role))
        for word in (party_word(party), party.partition(" ")[0])
        if word == party_word(party) or word == STAFF  # all of our staff, and each of them
    }
    options = [(word, party_name(word, policy)) for word in words - {OWN, "provider"}]
    return sorted(options, key=lambda each: each[1].lower())


def clauses_of(lines: Iterable[AccountLine]) -> list[tuple[str, str]]:
    """The clauses that some entries cite: id and title, to choose from."""
    return sorted({(c, c.replace("-", " ").capitalize()) for e in lines for c in e.entry.clauses})

"""An entry as a person is told it: what was done with which data, to whom, by which clause.

The words are the labels of the policy's vocabulary; a word that the policy in force no longer knows
is told as it stands. Only what the entry says is told, so that no value can be in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final

from upheld.core.dimensions import DATA, PARTIES, dimension_values
from upheld.core.errors import UpheldError
from upheld.ledger.entries import Entry
from upheld.policy.english import word_list
from upheld.policy.load import Policy
from upheld.policy.prose import LEADS, Prose
from upheld.policy.vocabulary import OTHER, TREE_OF

_PAST: Final = {
    "choose": "chose",
    "end": "ended",
    "give": "gave",
    "hold": "held",
    "infer": "inferred",
    "withdraw": "withdrew",
    "read": "read",
    "sell": "sold",
    "set": "set",
    "tell": "told",
    "write": "wrote",
}
_KINDS: Final = {
    "person": "we made a key for what we would hold about {whom}",
    "import": "we took over what was held about {whom} before",
    "registered": "we looked up the records about {whom}",
    "clock": "the time of day was accepted as it is",
    "counts": "we published how often our policy decided in a month, and what we disclosed",
    "log": "a new log was begun, from the last checkpoint of the one before",
    "acceptance": "{whose} acceptance of the policy and the terms was noted",
    "payment": "what came of {whose} payment was noted",
    "sent": "our message to {whom} was sent",
    "unsent": "our message to {whom} could not be sent",
    "bounced": "our message to {whom} came back as undeliverable",
    "retried": "our staff let a message to {whom} be tried again",
    "dropped": "our staff dropped a message to {whom} that could not be sent",
    "others-task": "somebody of our staff tried to open a task on {whom} that is not theirs",
    "household": "who pays for an account of {whose} household was changed",
    "recall": "{whose} account was taken back from whoever collected for us",
    "identity-check": "{whose} identity was confirmed by our staff",
    "deletion": "whoever collected for us confirmed that what they had of {whom} is deleted",
    "look-up": "{whose} account was looked up by our staff",
    "passkey-on": "a passkey was made for {whose} account",
    "passkey-off": "a passkey of {whose} account was removed",
    "authenticator-on": "a second factor was set up for {whose} account",
    "authenticator-off": "the second factor of {whose} account was removed",
    "recovery-code": "a recovery code of {whose} account was used",
    "recovery-codes": "other recovery codes were made for {whose} account",
    "sessions-ended": "our staff signed {whom} out everywhere",
    "redaction": "we took out of {whose} copies of messages the links that stood in them",
    "retention": "we deleted what had been held about {whom} long enough",
}
# The same where an entry says who did it.
_DONE: Final = {
    "payment": "noted {whose} payment",
    "household": "changed who pays for an account of {whose} household",
    "recall": "took {whose} account back from whoever collected for us",
    "deletion": "confirmed that what they had of {whom} is deleted",
    "password-reset": "reset {whose} password, so that {whom} could choose another",
}
# Of each kind of record: what somebody did who gave it, or took it back; what it is, and what
# became of it where an entry does not say who did it; and what somebody did who let it end.
_RECORDS: Final = {
    "account": (
        "closed {whose} account",
        "opened {whose} account again",
        "{whose} account",
        "closed",
        "opened again",
        "opened again",
    ),
    "consent": (
        "gave {whose} permission",
        "withdrew {whose} permission",
        "{whose} permission",
        "given",
        "withdrawn",
        "",
    ),
    "programme-consent": (
        "joined a programme",
        "left a programme",
        "{whose} part in a programme",
        "begun",
        "withdrawn",
        "",
    ),
    "opt-out": ("opted out", "opted in again", "{whose} opt-out", "noted", "withdrawn", ""),
    "signal": (
        "sent a privacy signal",
        "no longer sent a privacy signal",
        "the privacy signal of {whose} browser",
        "noted",
        "no longer sent",
        "",
    ),
    "request": (
        "made a request",
        "took a request back",
        "{whose} request",
        "noted",
        "taken back",
        "closed",
    ),
    "service-order": (
        "ordered a service",
        "took an order of a service back",
        "{whose} order of a service",
        "noted",
        "taken back",
        "",
        "ended a service",
    ),
    "payment": (
        "began a payment by card",
        "took a payment by card back",
        "{whose} payment by card",
        "begun",
        "taken back",
        "finished",
    ),
    "task": (
        "took on a task about {whose} account",
        "gave up a task about {whose} account",
        "a task about {whose} account",
        "begun",
        "given up",
        "closed",
        "ended their work on a task about {whose} account",
    ),
    "guardian-consent": (
        "gave permission for {whose} account",
        "withdrew permission for {whose} account",
        "the permission for {whose} account",
        "given",
        "withdrawn",
        "",
    ),
    "guardian-costs": (
        "accepted what {whose} use costs",
        "withdrew that they accept what {whose} use costs",
        "the acceptance of what {whose} use costs",
        "given",
        "withdrawn",
        "",
    ),
    "guardian-link": (
        "began to supervise {whose} account",
        "ended supervising {whose} account",
        "the supervision of {whose} account",
        "begun",
        "withdrawn",
        "",
    ),
}
_STEPS: Final = ("add", "withdraw", "end")
_WHOM: Final = {"your": "you", "their": "them"}
_PARTIES: Final = ("source", "recipient")
UNCOPIED: Final = "no-copy"  # the problem of a message that was sent and not copied
_PROVIDER: Final = "provider"

_OF_PRACTICES: Final[dict[str, str]] = {}


def add_sentences(texts: Mapping[str, str]) -> None:
    """Sentences for kinds of entries that a practice brings: by kind, what happened.

    `{whose}` and `{whom}` stand for the person: "{whose} wish was noted". UpheldError for a kind
    that has another sentence already.
    """
    for kind, text in texts.items():
        if kind in _KINDS or _OF_PRACTICES.get(kind, text) != text:
            raise UpheldError(
                f"entries of the kind `{kind}` have a sentence already",
                code="practice",
                hint="begin the kind's name with that of the practice",
            )
        text.format(whose="", whom="")
        _OF_PRACTICES[kind] = text


@lru_cache(maxsize=8)
def _prose(policy: Policy) -> Prose:
    return Prose(policy.program)


def entry_sentence(entry: Entry, policy: Policy, *, whose: str = "your") -> str:
    """An entry as one sentence without its full stop; `whose` is “your” to the person it is about.

    For example: “On 3 March 2026 we shared your name and balance with a collection agent, acme, for
    collecting what is owed, by #collecting-charges”.
    """
    text = f"On {_day(entry.time)} {_main_sentence(_prose(policy), entry, whose)}"
    if entry.clauses:
        text += ", by " + word_list((f"#{clause}" for clause in entry.clauses), "and")
    if entry.violation:
        text += f"; no clause allowed it: {entry.violation}"
    return text


def _day(stamp: str) -> str:
    moment = datetime.fromisoformat(stamp)
    return f"{moment.day} {moment:%B %Y}"


def _main_sentence(prose: Prose, entry: Entry, whose: str) -> str:
    action = _mine(prose.label("action", entry.action), whose) if entry.action else ""
    match entry.kind:
        case "act":
            who = _subject(prose, entry, whose)
            return f"{who} {_past(action)}{_scope(prose, entry, action, whose)}"
        case "refusal":
            scope = _scope(prose, entry, action, whose)
            who = _subject(prose, entry, whose)
            return f"{who} did not {action}{scope}: it was asked for and refused"
        case "record":
            return _record_sentence(prose, entry, whose)
        case "acceptance":
            who = _subject(prose, entry, whose) if entry.actor else ""
            return (
                f"{who} accepted the policy and the terms"
                if who
                else _note_sentence(entry.kind, whose)
            )
        case "retention" if entry.actor and entry.data:
            data = _mine(prose.list_labels("data", entry.data, "and"), whose)
            return f"{_subject(prose, entry, whose)} had us erase {data}"
        case "late":
            return f"we were late to {action}"
        case "lapsed":
            return f"it was no longer owed to {action}"
        case kind if kind in _DONE and entry.actor:
            done = _DONE[kind].format(whose=whose, whom=_whom(whose))
            return f"{_subject(prose, entry, whose)} {done}"
        case kind if kind in _KINDS or kind in _OF_PRACTICES:
            return _note_sentence(kind, whose) + _about(prose, entry, whose)
        case kind:
            return f"this was noted: {kind.replace('-', ' ').replace('.', ' ')}"


def _note_sentence(kind: str, whose: str) -> str:
    text = _KINDS.get(kind) or _OF_PRACTICES[kind]
    return text.format(whose=whose, whom=_whom(whose))


def _about(prose: Prose, entry: Entry, whose: str) -> str:
    """What a message was about, in brackets."""
    if entry.kind not in {"sent", "unsent"} or not entry.purpose:
        return ""
    copy = "; no copy of it was kept" if entry.problem == UNCOPIED else ""
    return f" ({_mine(prose.label(TREE_OF['purpose'], entry.purpose), whose)}{copy})"


def _record_sentence(prose: Prose, entry: Entry, whose: str) -> str:
    """What was done about a record, and by whom; where an entry does not say who, neither do we."""
    step, _, kind = entry.action.partition(" ")
    words = _RECORDS.get(kind)
    if words is None or step not in _STEPS:
        return f"a record of {whose} {kind.replace('-', ' ')} was {_past_participle(step)}"
    at = _STEPS.index(step)
    done = words[at] if step != "end" else "".join(words[6:])
    if entry.actor and done:
        return f"{_subject(prose, entry, whose)} {done.format(whose=whose)}"
    what, became = words[2].format(whose=whose), words[3 + at]
    return f"{what} was {became}" if became else f"{what} ended"


def _past_participle(step: str) -> str:
    return {"add": "made", "withdraw": "withdrawn", "end": "ended"}.get(step, "changed")


def _subject(prose: Prose, entry: Entry, whose: str) -> str:
    """Who did it: us, where the entry names nobody else."""
    if not entry.actor:
        return "we"
    kind, _, name = entry.actor.partition(" ")
    label = prose.label("party", kind)
    if label == "you":
        return "you" if whose == "your" else "they"
    return _mine(label, whose) + (f", {name}," if name else "")


def _whom(whose: str) -> str:
    return _WHOM.get(whose) or whose.removesuffix("'s")


def _mine(label: str, whose: str) -> str:
    """A label that speaks to the person, turned to whoever is told."""
    if whose == "your":
        return label
    words = {"you": _whom(whose), "your": whose}
    return " ".join(words.get(word, word) for word in label.split(" "))


def _past(action: str) -> str:
    """What was done, of the label of what is done: `share` gives `shared`.

    Writing to somebody is set out upon: that it was sent, or not, is an entry of its own.
    """
    if action.startswith("write to "):
        return "set out to " + action
    if action.startswith("charge "):  # what is charged stands on the invoice
        return "decided to " + action
    verb, space, rest = action.partition(" ")
    verb = _PAST.get(verb) or (f"{verb}d" if verb.endswith("e") else f"{verb}ed")
    return verb + space + rest


def _scope(prose: Prose, entry: Entry, action: str, whose: str) -> str:
    """Which data, and from, to or by whom, for what and when."""
    text = ""
    if entry.data:
        text += " " + _mine(prose.list_labels("data", entry.data, "and"), whose)
    for role in _PARTIES:
        party = getattr(entry, role)
        if party and not (role == "source" and party == _PROVIDER):  # nothing comes from ourselves
            kind, _, name = party.partition(" ")
            lead = "with" if role == "recipient" and action.startswith("share") else LEADS[role]
            text += f" {lead} {_mine(prose.label('party', kind), whose)}"
            text += f", {name}," if name else ""
    for name, word in dimension_values(entry, DATA, *PARTIES).items():
        if word != OTHER:
            label = _mine(prose.label(TREE_OF[name], word), whose)
            text += f" {LEADS[name]} {label}" if name in LEADS else f" {label}"
    return text.rstrip(",")

"""Choices: permissions, one for each data, purpose and recipient; opt-outs; each with its record.

What can be permitted comes from the policy: only where a permission makes the difference between no
and yes is one asked for. The text that was agreed to is kept with the record, sealed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple

from upheld.core.company_names import company_name
from upheld.core.ids import PersonId, RecordId
from upheld.database.columns import microseconds
from upheld.gate.act.request import Act, Refused
from upheld.gate.evidence.provers import Proof, ProofQuestion, by_records, years
from upheld.gate.evidence.records import Record
from upheld.gate.transaction import Transaction
from upheld.policy.english import word_list
from upheld.policy.load import Policy
from upheld.policy.request import Request
from upheld.practice import parties as register
from upheld.practice import recipient_requests
from upheld.practice.admission import admission
from upheld.practice.ages import is_minor
from upheld.practice.gag_orders import GagFilter
from upheld.practices.rights import objections, signals
from upheld.practices.rights.sentences import label

CONSENT, OPT_OUT, PROGRAMME = "consent", "opt-out", "programme-consent"
OFFERS, ADVERTISING = "opted-out", "advertising-opt-out"
GUARDIAN, BY_GUARDIAN = "guardian", "guardian-portal"  # in entries; how a record was given
REGISTERS: Final = (register.PARTNERS, register.ENGAGEMENT, register.OWNERSHIP)
NEVER_ASKED: Final = frozenset({"legal", "investigation"})  # purposes under these
KINDS: Final = (CONSENT, PROGRAMME, OPT_OUT, signals.KIND, objections.KIND)


class Permission(NamedTuple):
    """What somebody may permit: this information, to this recipient, for this purpose."""

    data: tuple[str, ...]
    recipient: str
    party: str  # the word of the recipient on the register
    purpose: str

    def about(self) -> dict[str, Sequence[str]]:
        """What its record is about."""
        return {"data": self.data, "recipient": (self.recipient,), "purpose": (self.purpose,)}


class PermissionOptions(NamedTuple):
    """The words for which a permission decides, each tuple in the vocabulary's order."""

    data: tuple[str, ...]
    recipients: tuple[str, ...]
    purposes: tuple[str, ...]


@lru_cache(maxsize=4)
def permission_options(policy: Policy) -> PermissionOptions:
    """The data, recipients and purposes for which a permission turns a no into a yes."""
    leaves = policy.engine.compiled.leaves
    words = {
        tree: [n for n in leaves[tree].bit if n != "other" and not n.endswith("/other")]
        for tree in ("data", "party", "purpose")
    }
    options = PermissionOptions((), (), ())
    recipients, purposes, data = [], set(), set()
    for recipient in words["party"]:
        mine = {
            p
            for p in words["purpose"]
            if any(makes_difference(policy, d, recipient, p) for d in ("name", "usage"))
        }
        if mine:
            recipients.append(recipient)
            purposes |= mine
    if recipients:
        data = {
            d
            for d in words["data"]
            if any(makes_difference(policy, d, recipients[0], p) for p in purposes)
        }
        options = PermissionOptions(
            tuple(d for d in words["data"] if d in data),
            tuple(recipients),
            tuple(p for p in words["purpose"] if p in purposes),
        )
    return options


@lru_cache(maxsize=32)
def purposes_for(policy: Policy, recipients: tuple[str, ...]) -> tuple[str, ...]:
    """The purposes for which only a permission lets some kinds of recipients get something.

    What the law or an investigation asks for is left out: nobody is asked to agree to that.
    """
    terms = policy.program.vocabulary.tree("purpose")
    return tuple(
        purpose
        for purpose in permission_options(policy).purposes
        if terms[purpose].parent not in NEVER_ASKED
        and any(
            makes_difference(policy, data, recipient, purpose)
            for recipient in recipients
            for data in ("name", "usage")
        )
    )


def makes_difference(policy: Policy, data: str, recipient: str, purpose: str) -> bool:
    """Whether a permission turns a no into a yes for a share of this kind."""
    request = Request("share", data=data, recipient=recipient, purpose=purpose, occasion="other")
    with_permission = policy.decide(request, {"permission": True})
    return with_permission.allowed and not policy.decide(request, {"permission": False}).allowed


def decides(policy: Policy, permission: Permission) -> bool:
    """Whether a permission turns a no into a yes for each of its kinds of data."""
    return all(
        makes_difference(policy, each, permission.recipient, permission.purpose)
        for each in permission.data
    )


def parties(transaction: Transaction) -> list[tuple[str, str]]:
    """The recipients that can be named: of the register, by kind and name."""
    recipients = permission_options(transaction.policy).recipients
    rows = register.roles(transaction, in_force=True)
    return sorted({(each.role, each.party) for each in rows if each.role in recipients})


def text(policy: Policy, permission: Permission, *, for_ward: bool = False) -> str:
    """What somebody agrees to for themselves or their ward; its digest stands in the record."""
    provider = policy.front.provider or policy.front.policy
    data = word_list([label(policy, "data", word) for word in permission.data], "and")
    to = label(policy, "party", permission.recipient)
    to = f"{company_name(permission.party)}, {to}" if permission.party else to
    who, whose = (
        ("We both can", "For somebody in my care I permit {} to share their")
        if for_ward
        else ("I can", "I permit {} to share my")
    )
    return (
        f"{whose.format(provider)} {data} with {to}, for"
        f" {label(policy, 'purpose', permission.purpose)}. No other information, recipient or"
        f" purpose is meant. {who} withdraw this permission at any time on this page, and from then"
        " on nothing more is shared because of it."
    )


def digest(wording: str) -> str:
    """The SHA-256 of a text."""
    return sha256(wording.encode()).hexdigest()


def give(
    transaction: Transaction,
    person_id: PersonId,
    permission: Permission,
    guardian_id: PersonId | None = None,
) -> RecordId:
    """Keep a permission, with the text that its person or their guardian read; the record's id."""
    return transaction.record(
        person_id,
        CONSENT,
        about=permission.about(),
        party=permission.party,
        by_whom=guardian_id or "customer",
        how=BY_GUARDIAN if guardian_id else "portal",
        actor=GUARDIAN if guardian_id else "",
        text=text(transaction.policy, permission, for_ward=guardian_id is not None),
    )


def prove(question: ProofQuestion) -> Proof:
    """The prover of permissions: each counts while the register has its recipient as what it says.

    Of a company that lost that role, or never had it, nothing is proven, and neither by a record
    that names nobody. A recipient that stands on no register, such as a guardian, needs none.
    """
    at, register_roles = microseconds(question.at), register.known_roles(question.policy)
    roles_now = {
        word
        for each in question.records
        if each.kind in REGISTERS and each.party == question.party and each.in_force(at)
        for dimension in ("recipient", "source")
        for word in each.about.get(dimension, ())
    }
    return by_records(
        question._replace(
            records=[
                each
                for each in question.records
                if each.kind == CONSENT
                and all(
                    word not in register_roles or (each.party and word in roles_now)
                    for word in each.about.get("recipient", ())
                )
            ]
        )
    )


def end_those_of_guardian(transaction: Transaction, person_id: PersonId, _: str) -> None:
    """Withdraw what a guardian permitted for somebody: they let them use our services no more."""
    at = microseconds(transaction.clock.now())
    records, _cover = transaction.records_of([person_id], [CONSENT])
    for each in records:
        if each.how == BY_GUARDIAN and each.in_force(at):
            transaction.withdraw(person_id, each.record_id, actor=GUARDIAN)
            recipient_requests.ground_over(transaction, person_id, each.record_id)


def of_age(transaction: Transaction, person_id: PersonId) -> bool:
    """Whether a person gives their own permissions: for a minor it is for the guardian to do."""
    result = transaction.act(
        Act(action="use", data=("birth-date",), purpose="age-check"), person_id
    )
    if isinstance(result, Refused) or "birth-date" not in result.values:
        return admission(transaction.policy).any_age.allowed  # nobody was asked how old they are
    try:
        born = date.fromisoformat(result["birth-date"])
        age = years(born, transaction.clock.today())
    except ValueError:
        return False
    return not is_minor(transaction.policy, age)


def choice_records(transaction: Transaction, person_id: PersonId) -> list[Record]:
    """A person's records of choices, the latest first, without those under a gag order."""
    records, _ = transaction.records_of([person_id], KINDS)
    gag = GagFilter(transaction, person_id)
    return [each for each in reversed(records) if not gag.record(each)]


def opt_out_records(
    transaction: Transaction, person_id: PersonId, fact: str, purpose: str = ""
) -> list[Record]:
    """The records in force of an opt-out."""
    at = microseconds(transaction.clock.now())
    records, _ = transaction.records_of([person_id], [OPT_OUT])
    return [
        each
        for each in records
        if each.fact == fact
        and each.in_force(at)
        and (not purpose or purpose in each.about.get("purpose", ()))
    ]


def opt(
    transaction: Transaction, person_id: PersonId, fact: str, purpose: str = "", *, out: bool
) -> None:
    """Opt out, or in again; what is so already stays as it is."""
    there = opt_out_records(transaction, person_id, fact, purpose)
    if out and not there:
        about = {"purpose": (purpose,)} if purpose else {}
        transaction.record(
            person_id, OPT_OUT, fact=fact, about=about, by_whom="customer", how="portal"
        )
        if purpose:
            recipient_requests.opted_out(transaction, person_id, purpose)
    for each in there:
        if not out:
            transaction.withdraw(person_id, each.record_id, actor="customer")

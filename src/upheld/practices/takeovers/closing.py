"""A closing as it stands: who takes over, which accounts, from when; and what it must have."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from upheld.core.errors import UpheldError
from upheld.core.ids import ClosingId, UserId
from upheld.policy.load import Policy
from upheld.practice.documents import problem_with

OPEN, APPROVED, MOVING, DONE = "open", "approved", "moving", "done"
REFUSED, ENDED = "refused", "ended"
MERGER, SALE = "merger", "sale"
KINDS: Final = (MERGER, SALE)
ALL, SCHEDULE = "all", "schedule"
COVERS: Final = (ALL, SCHEDULE)
ACCOUNTS_MAX: Final = 2_000  # on a schedule
REFERENCE_MAX: Final = 200

TRANSFER, NOTIFY = "transfer", "notify-transfer"  # actions
CLOSING, DONE_FACT = "closing", "transfer-done"  # facts
CLOSING_RECORD, DONE_RECORD = "closing", "transfer"  # kinds of records


class TakeoverError(UpheldError):
    """Something that cannot be done about a takeover; `field` is what of a form it is about."""

    def __init__(self, message: str, *, code: str, hint: str = "", field: str = "kind") -> None:
        super().__init__(message, code=code, hint=hint)
        self.field = field


class ClosingTerms(NamedTuple):
    """What a signed closing says: who takes over which accounts, and from when."""

    kind: str
    successor: str  # by its word or name in the register
    reference: str
    effective: datetime
    covers: str
    accounts: tuple[str, ...] = ()


class Closing(NamedTuple):
    """A closing as it stands; the accounts of it are rows of their own."""

    closing_id: ClosingId
    turn: int
    state: str
    kind: str
    party: str
    covers: str
    effective: datetime
    opened: datetime
    opened_by: UserId
    settled: datetime | None
    settled_by: UserId
    ended: datetime | None
    ended_by: UserId
    accounts: int
    handed: int
    digest: str
    reference: str
    document: str  # the SHA-256 of what was signed


def speaks_of_it(policy: Policy) -> bool:
    """Whether a policy has the words for a takeover."""
    words = policy.program.vocabulary
    fact = words.facts.get(CLOSING)
    return fact is not None and fact.proof == CLOSING_RECORD and TRANSFER in words.tree("action")


def check_terms(policy: Policy, terms: ClosingTerms, document: bytes) -> None:
    """TakeoverError unless a closing says all that it must, and came with what was signed."""
    if not speaks_of_it(policy):
        raise TakeoverError(
            "the policy in force has no words for a takeover",
            code="takeover-policy",
            hint=f"its vocabulary needs the fact {CLOSING} and the action {TRANSFER}",
        )
    if terms.kind not in KINDS:
        raise TakeoverError(
            "no closing is of this kind",
            code="takeover",
            hint="it is one of " + ", ".join(KINDS) + "; a list of addresses is no account",
        )
    if terms.covers not in COVERS:
        raise TakeoverError(
            "a closing is about all accounts, or about those of its schedule",
            code="takeover",
            hint="choose one of " + ", ".join(COVERS),
            field="covers",
        )
    if not 0 < len(terms.reference.strip()) <= REFERENCE_MAX:
        raise TakeoverError(
            "a closing has a reference",
            code="takeover",
            hint=f"write how the contract is called, in at most {REFERENCE_MAX} characters",
            field="reference",
        )
    is_schedule = terms.covers == SCHEDULE
    if is_schedule != bool(terms.accounts) or len(terms.accounts) > ACCOUNTS_MAX:
        raise TakeoverError(
            f"a schedule names 1 to {ACCOUNTS_MAX:,} accounts, and all accounts need no schedule",
            code="takeover-accounts",
            hint="compare it with what was signed; split a schedule that is longer",
            field="accounts",
        )
    message, hint = problem_with(document)
    if message:
        raise TakeoverError(message, code="takeover-document", hint=hint, field="document")

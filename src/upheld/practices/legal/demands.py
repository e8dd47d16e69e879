"""What an instrument demands, as it is written down, and what it must have to be opened."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from upheld.core.errors import UpheldError
from upheld.core.reason_text import require_reason
from upheld.policy.load import Policy
from upheld.policy.words import Words
from upheld.practice.documents import problem_with

PRESERVATION, INFORMAL = "preservation", "informal"
PROCESS: Final = ("subpoena", "court-order", "warrant", "other")
CLAIM, DETERMINATION = "claim", "determination"  # our own: to sue or defend, to act on a belief
OUR_OWN: Final = (CLAIM, DETERMINATION)
KINDS: Final = (*PROCESS, PRESERVATION, CLAIM, DETERMINATION, INFORMAL)
EMERGENCY: Final = "physical-safety"  # the ground on which nobody waits for a second officer
GROUNDS: Final = (
    *("illegal-activity", "suspected-fraud", "terms-violation", "legal-requirement"),
    *("national-security", EMERGENCY),
)
BELIEF_MAX: Final = 5_000
NAME_MAX: Final = 200  # characters of an issuer, or of a reference
PERSONS_MAX: Final = 200
_ROOT: Final = "personal-information"


class LegalError(UpheldError):
    """Something that the legal desk cannot do; `field` is what of a form it is about."""

    def __init__(self, message: str, *, code: str, hint: str = "", field: str = "kind") -> None:
        super().__init__(message, code=code, hint=hint)
        self.field = field


class Demand(NamedTuple):
    """What an instrument says: who demands what of whom, of which time, and for how long."""

    kind: str
    issuer: str
    reference: str
    recipient: str = ""
    accounts: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    starts: datetime | None = None
    ends: datetime | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None
    deadline: datetime | None = None
    silence_end: datetime | None = None
    ground: str = ""  # of a determination: a purpose
    belief: str = ""  # and what the officer believes, in words
    preserves: bool = False  # whether what it names is to be preserved while it lasts


def recipients(policy: Policy) -> tuple[str, ...]:
    """To whom something can be released: authorities, and those involved in a dispute."""
    words = policy.program.vocabulary.tree("party")
    above = [each for each in ("authority", "legal-adviser") if each in words]
    return tuple(
        each for each in Words(policy.program).under_all("party", above) if "/" not in each
    )


def demandable_fields(policy: Policy) -> tuple[str, ...]:
    """The kinds of data that an instrument can name."""
    leaves = Words(policy.program).under("data", _ROOT)
    return tuple(dict.fromkeys(each for each in leaves if "/" not in each))


def check_reach(policy: Policy, demand: Demand) -> None:
    """LegalError unless an instrument names fields and a recipient, in words of the policy."""
    if demand.kind not in KINDS:
        raise LegalError(
            "no instrument is of this kind",
            code="legal-reach",
            hint="choose one of " + ", ".join(KINDS),
        )
    if demand.kind == PRESERVATION:
        _check_kept(policy, demand)
        return
    if demand.recipient not in recipients(policy):
        raise LegalError(
            "an instrument says to whom something is given, in a word of the policy",
            code="legal-reach",
            hint="choose one of " + ", ".join(recipients(policy)),
            field="recipient",
        )
    unknown = sorted({*demand.fields} - {*demandable_fields(policy)})
    if not demand.fields or unknown:
        raise LegalError(
            "an instrument names the kinds of data that it demands",
            code="legal-reach",
            hint="choose each one; no word stands for several",
            field="fields",
        )


def order_beside(policy: Policy, demand: Demand) -> Demand | None:
    """The order to preserve what an instrument names while it lasts, if one is wanted.

    By a vocabulary in which a hold names no kinds of data, it keeps every kind.
    """
    if not demand.preserves or demand.kind in (PRESERVATION, INFORMAL):
        return None
    return Demand(
        PRESERVATION,
        demand.issuer,
        demand.reference,
        accounts=demand.accounts,
        fields=demand.fields if _holds_name_data(policy) else (),
        starts=demand.starts,
        ends=demand.ends,
        silence_end=demand.silence_end,
    )


def _holds_name_data(policy: Policy) -> bool:
    hold = policy.program.vocabulary.facts.get("legal-hold")
    return hold is not None and "data" in hold.per


def _check_kept(policy: Policy, demand: Demand) -> None:
    """LegalError unless an order to preserve names kinds of data that it can keep, or none."""
    if not demand.fields:
        return
    if not _holds_name_data(policy):
        raise LegalError(
            "by the policy's vocabulary an order to preserve keeps every kind of data",
            code="legal-reach",
            hint="choose none, or let `legal-hold` be per data there",
            field="fields",
        )
    if {*demand.fields} - {*demandable_fields(policy)}:
        raise LegalError(
            "an order to preserve names kinds of data in words of the policy, or none",
            code="legal-reach",
            hint="choose each one, or none to keep every kind",
            field="fields",
        )


def with_names(demand: Demand) -> Demand:
    """A demand with its issuer and reference as they are kept.

    LegalError for one that nobody can read, or that could be read as what it is not: a customer
    reads both in a letter.
    """
    return demand._replace(
        issuer=_name(demand.issuer, "issuer", "who issued it"),
        reference=_name(demand.reference, "reference", "how they call the case"),
    )


def _name(text: str, field: str, what: str) -> str:
    def error(sentence: str, hint: str) -> LegalError:
        return LegalError(sentence, code="legal-reach", hint=hint, field=field)

    return require_reason(text, NAME_MAX, error, f"an instrument says {what}")


def check_belief(policy: Policy, demand: Demand) -> None:
    """LegalError unless a determination says on which ground it rests, and what is believed."""
    if demand.kind != DETERMINATION:
        return
    if demand.ground not in GROUNDS or demand.ground not in policy.program.vocabulary.tree(
        "purpose"
    ):
        raise LegalError(
            "a determination rests on a ground",
            code="legal-reach",
            hint="choose one of " + ", ".join(GROUNDS),
            field="ground",
        )
    if not 0 < len(demand.belief.strip()) <= BELIEF_MAX:
        raise LegalError(
            "a determination says what the officer believes, and why it is necessary",
            code="legal-reach",
            hint=f"write at most {BELIEF_MAX:,} characters",
            field="belief",
        )


def check_finding(finding: str) -> str:
    """What a reviewer found, as it is kept; LegalError for a text that says nothing."""

    def error(sentence: str, hint: str) -> LegalError:
        return LegalError(sentence, code="legal-finding", hint=hint, field="finding")

    sentence = "a review says whether what was done had to be, and why"
    return require_reason(finding, BELIEF_MAX, error, sentence, in_lines=True)


def check_times(demand: Demand, now: datetime) -> None:
    """LegalError unless an instrument has a term that is not over, and each period begins first."""
    if demand.starts is None or demand.ends is None:
        raise LegalError(
            "an instrument has a term",
            code="legal-period",
            hint="say from when it is in force, and when it lapses",
            field="ends",
        )
    if demand.ends <= max(demand.starts, now):
        raise LegalError(
            "it lapses before it begins, or has lapsed already",
            code="legal-period",
            hint="compare the days with the document",
            field="ends",
        )
    start, end = demand.period_start, demand.period_end
    if start is not None and end is not None and end <= start:
        raise LegalError(
            "the period ends before it begins",
            code="legal-period",
            hint="compare the days with the document",
            field="period_end",
        )
    if demand.silence_end is not None and demand.kind in OUR_OWN:
        raise LegalError(
            "nothing of our own forbids us to tell",
            code="legal-period",
            hint="leave the silence out: an order alone asks for it",
            field="silence_end",
        )
    if demand.silence_end is not None and demand.silence_end <= now:
        raise LegalError(
            "the silence is over already",
            code="legal-period",
            hint="leave it out where nothing forbids to tell",
            field="silence_end",
        )


def check_document(document: bytes, *, is_required: bool) -> None:
    """LegalError unless a document is a PDF or a picture, and not too large."""
    if not document and not is_required:
        return
    message, hint = problem_with(document)
    if message:
        raise LegalError(message, code="legal-document", hint=hint, field="document")

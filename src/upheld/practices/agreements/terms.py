"""The terms of an agreement: read strictly, compared with a policy, asked what they let a partner.

An agreement is a document in the language of policies whose “we” is the partner. It counts only
where it lets the partner do nothing that the policy does not let us share, on every dimension.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from msgspec.structs import replace

from upheld.core import observing
from upheld.core.errors import PolicyError, UpheldError
from upheld.database.own_tables import Tables
from upheld.policy.analyse import draft
from upheld.policy.analyse.contains import AGREED, PARTNER, SHARE, USE, Containment, contains
from upheld.policy.analyse.strict import DraftProblem, problems_of_faults, strict_problems
from upheld.policy.document import decode, read_document
from upheld.policy.load import Policy, pack, read_program, unpack
from upheld.policy.request import Request
from upheld.policy.vocabulary import OTHER
from upheld.practices.agreements.tables import agreement_text

BYTES_MAX: Final = 100_000
_NAME: Final = "agreement.md"
_LOADED_MAX: Final = 64


class AgreementError(UpheldError):
    """An agreement that cannot be kept, signed or relied on."""


class _Loaded:
    """Terms by digest, as this process has read them."""

    terms: Final[dict[str, Policy]] = {}


def read_terms(raw: bytes, in_force: Policy) -> Policy:
    """The terms of a text, checked as `upheld check --strict` does. AgreementError otherwise."""
    if not raw.strip():
        raise AgreementError(
            "the agreement is empty", code="agreement-text", hint="send a file, or paste the text"
        )
    if len(raw) > BYTES_MAX:
        raise AgreementError(
            f"the agreement is longer than {BYTES_MAX:,} bytes",
            code="agreement-large",
            hint="leave out what is no term about personal information",
        )
    text, faults = decode(raw, _NAME)
    document = None if faults else read_document(text, _NAME)[0]
    name = document.front.vocabulary if document else in_force.front.vocabulary
    if name != in_force.front.vocabulary:
        raise AgreementError(
            "the agreement names another vocabulary than the policy in force",
            code="agreement-vocabulary",
            hint=f"write `vocabulary: {in_force.front.vocabulary}` into its front matter",
        )
    vocabulary = in_force.program.vocabulary.sources[-1]
    try:
        terms = Policy(read_program(raw, _NAME, vocabulary=vocabulary))
    except PolicyError as error:
        raise _wrong_text(problems_of_faults(error.faults)) from None
    if problems := strict_problems(terms):
        raise _wrong_text(problems)
    return terms


def _wrong_text(problems: Sequence[DraftProblem]) -> AgreementError:
    first = problems[0]
    remedy = f" ({first.remedy})" if first.remedy else ""
    more = f"; and {len(problems) - 1} more" if len(problems) > 1 else ""
    return AgreementError(
        f"line {first.line}: {first.text}{remedy}{more}",
        code="agreement-text",
        hint="`upheld check --strict` tells all of it",
    )


@observing.reading
def drafted(policy: Policy, partner: str) -> str:
    """A draft in terms identical with the policy's. UpheldError where it has no words for it."""
    with observing.pause_notes():
        return draft.agreement(policy, partner)


@lru_cache(maxsize=256)
def compare(terms: Policy, policy: Policy) -> Containment:
    """Whether the terms let a partner do no more than a policy lets us share; worked out once."""
    with observing.pause_notes():
        return contains(terms, policy)


def require_fit(terms: Policy, policy: Policy) -> None:
    """AgreementError, with what is wider and an example in words, unless the terms fit."""
    compared = compare(terms, policy)
    if compared.contained:
        return
    version = f"version {policy.front.version}" if policy.front.version else "the policy"
    if not compared.wider:
        raise AgreementError(
            f"the agreement cannot be compared with {version}: {'; '.join(compared.notes)}",
            code="agreement-vocabulary",
            hint="draft it from the policy in force",
        )
    raise AgreementError(
        f"the agreement is wider than {version}: {explain(compared)}",
        code="agreement-wider",
        hint="take out what the policy does not let us share, and add its duties",
    )


def explain(compared: Containment) -> str:
    """What is wider, with one example: what the agreement and what the policy answers.

    Sentences, the last one without its full stop.
    """
    first = compared.wider[0]
    more = len(compared.wider) - 1
    answer = first.policy.get("decision") if first.kind == USE else None
    parts = [
        first.text,
        f"For example, the policy says: {answer.why}" if answer is not None else "",
        f"And {more} more" if more else "",
    ]
    return ". ".join(each for each in parts if each)


@lru_cache(maxsize=4096)
def covers(terms: Policy, policy: Policy, field: str, purpose: str) -> bool:
    """Whether the terms let the partner use a field for a purpose in all cases of the policy.

    Where they do so only under a condition, it must be the very condition of the policy.
    """
    with observing.pause_notes():
        agreed = {AGREED: True}
        theirs = terms.decide(Request(USE, data=(field,), purpose=(purpose,)), agreed)
        if theirs.outcome != "needs-proof":
            return theirs.allowed
        share = Request(SHARE, data=(field,), purpose=(purpose,), recipient=(PARTNER,))
        if "occasion" in policy.engine.compiled.takes[SHARE]:
            share = replace(share, occasion=(OTHER,))
        ours = policy.decide(share, agreed)
        return ours.outcome == "needs-proof" and {*ours.prove} == {*theirs.prove}


def keep(tables: Tables, terms: Policy) -> None:
    """Keep the compiled terms, if they are not there yet."""
    tables.insert_new(agreement_text, digest=terms.digest, compiled=zlib.compress(pack(terms)))


def load(tables: Tables, digest: str) -> Policy:
    """The terms with a digest. AgreementError where they are not there."""
    terms = _Loaded.terms.get(digest)
    if terms is not None:
        return terms
    row = tables.get(agreement_text, "digest = ?", digest)
    if row is None:
        raise AgreementError(
            "the text of this agreement is not there",
            code="agreement-text",
            hint="restore it from a backup",
        )
    terms = Policy(unpack(zlib.decompress(row.compiled), _NAME))
    if terms.digest != digest:
        raise AgreementError(
            "the text of this agreement is another one's",
            code="agreement-text",
            hint="restore it from a backup",
        )
    if len(_Loaded.terms) >= _LOADED_MAX:
        _Loaded.terms.clear()
    _Loaded.terms[digest] = terms
    return terms

"""Which version binds a customer, since when and why, what was posted since, and their decision.

Whoever's own agreement asks for it approves a version here, or refuses it for good; both are
confirmed first. Whoever does not agree stops: the page leads to closing the account.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, NamedTuple

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from upheld.core.ids import PersonId
from upheld.database.own_tables import to_datetime
from upheld.gate.posting import effective_day
from upheld.gate.public import Standing
from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.practice import terms
from upheld.practice.citations import Quote, quote_clauses
from upheld.practice.consequences import (
    Banner,
    Confirmation,
    redirect_with_banner,
    require_confirmation,
)
from upheld.practice.endpoints import Visit
from upheld.practice.plugin import PendingAction, Provider
from upheld.practice.terms import AcceptedTerms, TermsVersion
from upheld.practices.versions import customer_decisions
from upheld.practices.versions.customer_changes import PlainChanges, what_changed
from upheld.practices.versions.customer_decisions import APPROVED, REFUSED
from upheld.practices.versions.drafts import ANNOUNCED, drafts

MINE: Final = "/me/versions"
_NOTICE: Final = "notice"
_ANSWERS: Final = {"approve": APPROVED, "refuse": REFUSED}


class VersionView(NamedTuple):
    """A version that was posted, as a customer sees it."""

    standing: Standing
    quotes: list[Quote]  # the clauses that say why
    decision: str  # approved, refused, or empty
    decided_at: datetime | None
    notice_until: datetime | None  # when the days of a notice are over
    is_open: bool  # whether it waits for their decision


class AnnouncedView(NamedTuple):
    """A version that is announced, as a customer sees it."""

    digest: str
    version: str
    day: date | None
    words: PlainChanges | None
    changes: Markup
    decision: str
    is_open: bool


class _Look(NamedTuple):
    versions: list[VersionView]
    announced: list[tuple[str, str, Policy]]
    in_force: Policy
    decisions: dict[str, str]
    open_ones: list[str]
    terms: list[TermsVersion]
    accepted: list[AcceptedTerms]


class CustomerVersions:
    """The page, and approving or refusing."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, visit: Visit) -> Response:
        """Which version binds, since when and why, and what was posted or announced since."""
        look = await self.provider.do(lambda transaction: _look(transaction, visit.subject))
        announced = []
        for digest, version, policy in look.announced:
            words, changes = await self.provider.run_in_thread(what_changed, look.in_force, policy)
            announced.append(
                AnnouncedView(
                    digest,
                    version,
                    effective_day(policy),
                    words,
                    changes,
                    look.decisions.get(digest, ""),
                    digest in look.open_ones,
                )
            )
        return self.provider.pages.page(
            visit.request,
            "versions/mine.html",
            binding=look.versions[0] if look.versions else None,
            later=look.versions[1:],
            announced=announced,
            terms=look.terms,
            accepted=look.accepted,
        )

    async def answer(self, visit: Visit) -> Response:
        """Approve a version or refuse it for good, once that was confirmed."""
        state = _ANSWERS.get(visit.request.path_params["answer"], "")
        digest = visit.form.get("digest", "")
        if not state or not isinstance(digest, str):
            raise HTTPException(404)

        def work(transaction: Transaction) -> str:
            transaction.lock(visit.subject)
            if digest not in customer_decisions.open_versions(transaction, visit.subject):
                return ""
            policy = transaction.editions.policy(digest)
            question = _question(transaction, policy, state)
            require_confirmation(self.provider, transaction.tables, visit, question)
            customer_decisions.decide(transaction, visit.subject, digest, state)
            return policy.front.version

        version = await self.provider.do(work)
        if not version:  # it is decided, or is not theirs to decide: the page says how it stands
            return RedirectResponse(MINE, 303)
        banner = Banner(f"You {state} version {version}.", digest[:12])
        return redirect_with_banner(self.provider, visit.session, MINE, banner)

    def waiting(self, transaction: Transaction, person_id: PersonId) -> list[PendingAction]:
        """Asks whoever's own agreement needs their approval of a version."""
        if not customer_decisions.open_versions(transaction, person_id):
            return []
        return [
            PendingAction(
                "Your own agreement with us asks for your approval of a new version of our privacy"
                " policy.",
                "Read and decide",
                MINE,
            )
        ]


def _look(transaction: Transaction, person_id: PersonId) -> _Look:
    decisions = {each.digest: each for each in customer_decisions.decisions(transaction, person_id)}
    open_ones = customer_decisions.open_versions(transaction, person_id)
    notices, _ = transaction.records_of([person_id], [_NOTICE])
    until = {each.how: each.valid_from for each in notices if each.withdrawn is None}
    versions = []
    for each in transaction.standings(person_id):
        digest = each.edition.digest
        decision = decisions.get(digest)
        versions.append(
            VersionView(
                each,
                _quotes(transaction, each),
                decision.state if decision else "",
                decision.at if decision else None,
                to_datetime(until[digest]) if digest in until else None,
                digest in open_ones,
            )
        )
    announced = [
        (each.digest, each.version, transaction.editions.policy(each.digest))
        for each in drafts(transaction.tables, ANNOUNCED)
    ]
    states = {each.digest: each.state for each in decisions.values()}
    tables = transaction.tables
    return _Look(
        versions,
        announced,
        transaction.policy,
        states,
        open_ones,
        terms.versions(tables),
        terms.accepted(tables, person_id),
    )


def _quotes(transaction: Transaction, standing: Standing) -> list[Quote]:
    """The clauses by which a version binds somebody or not, of the version that decides it."""
    by = standing.decided_by
    policy = transaction.editions.policy(by.digest)
    number = by.number if by.digest != transaction.policy.digest else 0
    quotes = quote_clauses(policy, standing.decision.clauses)
    return [each._replace(version=number) for each in quotes]


def _question(transaction: Transaction, policy: Policy, state: str) -> Confirmation:
    """What approving or refusing a version means, before it is done."""
    version, approves = policy.front.version, state == APPROVED
    if approves:
        consequences = [
            f"Version {version} then holds for you, unless your agreement asks for more than that.",
            "You cannot take it back. You can close your account at any time.",
        ]
    else:
        consequences = [
            f"Version {version} does not hold for you for as long as your agreement lasts.",
            "What it no longer allows us, we do not do with your data either.",
            "You cannot take it back. We may ask you about a later version.",
        ]
    return Confirmation(
        f"{'Approve' if approves else 'Refuse'} version {version}",
        consequences,
        f"{MINE}/{'approve' if approves else 'refuse'}",
        "Approve" if approves else "Refuse for good",
        MINE,
        values={"digest": policy.digest},
        grave=not approves,
        quotes=quote_clauses(transaction.policy, ["approval-agreements"]),
    )

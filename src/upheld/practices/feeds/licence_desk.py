"""Licences at the privacy desk, which registers and ends them; and to customers, who read them."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.core.company_names import company_name
from upheld.core.errors import UpheldError
from upheld.gate.public import EditionError, Licence
from upheld.gate.transaction import Transaction
from upheld.practice import parties
from upheld.practice.citations import quote_clauses
from upheld.practice.consequences import (
    Banner,
    Confirmation,
    redirect_with_banner,
    require_confirmation,
)
from upheld.practice.endpoints import Visit
from upheld.practice.operators import MANAGER
from upheld.practice.plugin import Provider
from upheld.practices.feeds import licences
from upheld.practices.feeds.feeds import SOURCE
from upheld.web.uploads import uploaded

HERE: Final = "/staff/feeds/licences"
MINE: Final = "/me/privacy/licences"
CLAUSE: Final = "combining"
_DESK: Final = "privacy"
_READERS: Final = (MANAGER, _DESK)
_NUMBER_MAX: Final = 1_000_000


class LicenceDesk:
    """The pages of licences."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, visit: Visit) -> Response:
        """Every licence, and the form for another one."""
        _require_role(visit, _READERS)
        return await self._list(visit, [], "")

    async def _list(
        self, visit: Visit, problems: list[str], pasted: str, status: int = 200
    ) -> Response:
        def look(transaction: Transaction) -> dict[str, Any]:
            return {
                "rows": [
                    (each, company_name(each.party), transaction.licences.policy(each).front)
                    for each in reversed(transaction.licences.all())
                ],
                "companies": [
                    (each, company_name(each)) for each in parties.in_role(transaction, SOURCE)
                ],
            }

        return self.provider.pages.page(
            visit.request,
            "feeds/licences.html",
            status=status,
            desk=HERE,
            problems=problems,
            pasted=pasted,
            sent={name: str(visit.form.get(name, "")) for name in ("party", "since")},
            may_register=visit.user is not None and _DESK in visit.user.roles,
            quotes=quote_clauses(self.provider.policy, [CLAUSE]),
            **await self.provider.do(look),
        )

    async def register(self, visit: Visit) -> Response:
        """Register what was sent, or say what keeps it from being a licence."""
        _require_role(visit, (_DESK,))
        raw, pasted = await uploaded(visit.form)
        party, since = str(visit.form.get("party", "")), str(visit.form.get("since", "")).strip()
        in_force = self.provider.policy
        policy, problems = await self.provider.run_in_thread(licences.problems, raw, in_force)
        try:
            day = date.fromisoformat(since) if since else None
        except ValueError:
            problems = ["Write the day like 2026-11-01.", *problems]
        if policy is None or problems:
            return await self._list(visit, problems, pasted, 422)
        try:
            its = await self.provider.do(
                lambda transaction: licences.register(
                    transaction, policy, party, visit.user_id, base=in_force.digest, since=day
                )
            )
        except UpheldError as error:
            return await self._list(visit, [error.in_sentences()], pasted, 409)
        banner = Banner(f"The licence of {company_name(its.party)} is asked from now on.", "")
        return redirect_with_banner(self.provider, visit.session, f"{HERE}/{its.number}", banner)

    async def read(self, visit: Visit) -> Response:
        """One licence, to those who look after feeds."""
        _require_role(visit, _READERS)
        return await self._document(visit, "feeds/licence.html", may_end=_DESK in _roles(visit))

    async def read_own(self, visit: Visit) -> Response:
        """One licence, to a customer: what may be done with what its company told us."""
        return await self._document(visit, "feeds/licence_mine.html")

    async def _document(self, visit: Visit, template: str, *, may_end: bool = False) -> Response:
        def look(transaction: Transaction) -> dict[str, Any]:
            its = _find(transaction, visit)
            policy = transaction.licences.policy(its)
            return {
                "its": its,
                "company": company_name(its.party),
                "front": policy.front,
                "clauses": licences.clauses_of(policy),
                "source": policy.program.source,
            }

        words = await self.provider.do(look)
        words |= {"desk": HERE, "may_end": may_end}
        return self.provider.pages.page(visit.request, template, **words)

    async def end(self, visit: Visit) -> Response:
        """Let what comes from now on be under no licence, once that was confirmed."""
        _require_role(visit, (_DESK,))

        def work(transaction: Transaction) -> Licence:
            its = _find(transaction, visit)
            if its.until is None:
                question = _confirmation(its)
                require_confirmation(self.provider, transaction.tables, visit, question)
            return licences.end(transaction, its.number, visit.user_id)

        try:
            its = await self.provider.do(work)
        except EditionError as error:
            return await self._list(visit, [error.in_sentences()], "", 409)
        banner = Banner("The licence has ended. What came under it stays under it.", "")
        return redirect_with_banner(self.provider, visit.session, f"{HERE}/{its.number}", banner)


def _roles(visit: Visit) -> set[str]:
    return set() if visit.user is None else {*visit.user.roles}


def _require_role(visit: Visit, roles: tuple[str, ...]) -> None:
    """403 for whoever has none of some roles."""
    if not _roles(visit) & {*roles}:
        raise HTTPException(403)


def _find(transaction: Transaction, visit: Visit) -> Licence:
    """The licence of an address; 404 where there is none."""
    raw = str(visit.request.path_params["number"])
    number = (
        int(raw) if raw.isascii() and raw.isdecimal() and len(raw) < len(str(_NUMBER_MAX)) else 0
    )
    try:
        return transaction.licences.require(number)
    except EditionError:
        raise HTTPException(404) from None


def _confirmation(its: Licence) -> Confirmation:
    company = company_name(its.party)
    return Confirmation(
        "End this licence?",
        (
            f"What {company} tells us from now on is under no licence, until you register another.",
            "What came in under this one stays under it.",
        ),
        f"{HERE}/{its.number}/end",
        "End it",
        f"{HERE}/{its.number}",
        grave=True,
    )

"""Names of advertisers that mention a sensitive topic: one manager asks, another answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from upheld.core.company_names import company_name
from upheld.core.ids import UserId
from upheld.core.reason_text import reason_text
from upheld.gate.transaction import Transaction
from upheld.practice import operators
from upheld.practice.consequences import Banner, redirect_with_banner
from upheld.practice.endpoints import Handler, Visit, require_sign_in
from upheld.practice.operators import MANAGER
from upheld.practice.plugin import Provider
from upheld.practices.ads import names
from upheld.practices.ads.campaigns import AdError
from upheld.practices.ads.desk import NAMES
from upheld.practices.ads.names import NameRequest
from upheld.web.forms import EMPTY, Field, Filled, read

ALLOW, REFUSE, END = "allow", "refuse", "end"
STATES: Final = {
    names.WAITING: "waits for another manager",
    names.ALLOWED: "allowed",
    names.REFUSED: "not allowed",
}
DONE: Final = {
    ALLOW: "This name is allowed in advertisements.",
    REFUSE: "This name is not allowed in advertisements.",
    END: "This name is not allowed in advertisements any more.",
}


class NamePages:
    """The pages of managers."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """What was asked and answered, and the form to ask."""
        user_id = _manager(visit)

        def look(transaction: Transaction) -> dict[str, Any]:
            tables, policy = transaction.tables, transaction.policy
            fields = _fields(transaction)  # which loads what companies are called
            return {
                "rows": [
                    (
                        each,
                        names.matters_of(tables, policy, each.party),
                        user.name if (user := operators.find_user(tables, each.asked_by)) else "",
                        each.is_of(tables),
                    )
                    for each in names.every(tables)
                ],
                "fields": fields,
            }

        words = await self.provider.do(look)
        return self.provider.pages.page(
            visit.request,
            "ads/names.html",
            status=status,
            states=STATES,
            me=user_id,
            filled=filled,
            **words,
        )

    async def ask(self, visit: Visit) -> Response:
        """Ask that a name be allowed."""
        user_id = _manager(visit)

        def work(transaction: Transaction) -> Filled:
            filled = read(_fields(transaction), visit.form)
            if filled.ok:
                party, reason = filled.values["party"], filled.values["reason"]
                try:
                    names.ask(transaction, party, user_id, reason=reason)
                except AdError as error:  # somebody else asked a moment ago
                    return filled.wrong("party", error.in_sentences())
            return filled

        filled = await self.provider.do(work)
        if not filled.ok:
            return await self.show(visit, filled, 422)
        return self._back(visit, "Another manager has to answer now.")

    async def answer(self, visit: Visit) -> Response:
        """Answer what another manager asked, or take back what was allowed."""
        user_id, verdict = _manager(visit), str(visit.form.get("verdict", ""))
        its = await self.provider.read(
            lambda tables: names.find(tables, visit.request.path_params["party"])
        )
        if its is None or verdict not in DONE:
            raise HTTPException(404)
        work = _work(its.party, user_id, verdict, str(visit.form.get("mark", "")))
        try:
            await self.provider.do(work)
        except AdError as error:
            return await self.show(visit, EMPTY.wrong("answer", error.in_sentences()), 409)
        return self._back(visit, DONE[verdict])

    def _back(self, visit: Visit, text: str) -> Response:
        return redirect_with_banner(self.provider, visit.session, NAMES, Banner(text, ""))


def _work(
    party: str, user_id: UserId, verdict: str, mark: str
) -> Callable[[Transaction], NameRequest]:
    """What an answer does. `mark` is of the question that its form showed."""
    if verdict == END:
        return lambda transaction: names.end(transaction, party, user_id)
    allow = verdict == ALLOW
    return lambda transaction: names.decide(transaction, party, user_id, allow=allow, mark=mark)


def _fields(transaction: Transaction) -> tuple[Field, ...]:
    some = [(each, company_name(each)) for each in names.to_be_asked(transaction)]
    hint = "Such as what the company sells. It is kept, with who asked and who answered."
    return (
        Field("party", "Advertiser", "select", options=some),
        Field(
            "reason",
            "Why its name may be shown",
            length_max=names.REASON_MAX,
            hint=hint,
            check=reason_text,
        ),
    )


def _manager(visit: Visit) -> UserId:
    if visit.user is None or MANAGER not in visit.user.roles:
        raise HTTPException(403)
    return visit.user.user_id


def routes(provider: Provider) -> list[Route]:
    """The pages of names."""
    pages = NamePages(provider)

    def route(method: str, path: str, handler: Handler) -> Route:
        endpoint = require_sign_in(provider, "staff", handler, fresh=True)
        return Route(path, endpoint, methods=[method])

    return [
        route("GET", NAMES, pages.show),
        route("POST", NAMES, pages.ask),
        route("POST", f"{NAMES}/{{party}}", pages.answer),
    ]

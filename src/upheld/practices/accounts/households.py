"""Households: several adults, each with a sign-in of their own, whose bills one of them pays.

The holder invites by e-mail. Each member sees their own services and use; bills go to the holder
alone, who sees that somebody joined and nothing else of them. Either can end it at any time.
"""

from __future__ import annotations

from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from upheld.core.ids import PersonId
from upheld.database.columns import microseconds
from upheld.gate.act.request import Act, Refused
from upheld.gate.transaction import Transaction
from upheld.practice import invitations, message_limits
from upheld.practice.endpoints import Visit, network_of
from upheld.practice.invitations import HOUSEHOLD
from upheld.practice.plugin import Provider
from upheld.practice.reasons import refusal_page
from upheld.practices.accounts import domain
from upheld.practices.accounts.domain import MEMBERS_MAX
from upheld.practices.accounts.sign_up_pages import SignUp
from upheld.web import sessions
from upheld.web.forms import EMPTY, Field, Filled, read

EMAIL: Final = Field(
    "email",
    "Their e-mail address",
    "email",
    length_max=254,
    hint="An adult's. They get a link that works for 14 days.",
)
NAME: Final = Field(
    "name",
    "Your name",
    required=False,
    length_max=60,
    autocomplete="name",
    hint="As they know you. It is in the message, so that they know who invites them.",
    check=invitations.name_of_letters,
)
FULL: Final = f"A household has at most {MEMBERS_MAX} members beside you."
CARE: Final = ("guardian-consent", "guardian-link", "guardian-costs")  # what a guardian gives
TOO_MANY_INVITATIONS: Final = (
    "There were many invitations already. Wait a while, then invite again."
)


class Households:
    """The pages of a household."""

    def __init__(self, provider: Provider, sign_up: SignUp) -> None:
        self.provider, self.sign_up = provider, sign_up

    async def _page(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        def look(transaction: Transaction) -> tuple[domain.Account | None, list[domain.Account]]:
            account = domain.account_of(transaction.tables, visit.subject)
            members = domain.members(transaction.tables, visit.subject)
            return account, [
                m for m in members if not self._is_supervised(transaction, m.person_id)
            ]

        account, members = await self.provider.do(look)
        return self.provider.pages.page(
            visit.request,
            "accounts/household.html",
            status=status,
            fields=self._fields(),
            filled=filled,
            account=account,
            members=members,
            most=MEMBERS_MAX,
            invited=visit.request.query_params.get("said") == "invited",
        )

    def _fields(self) -> list[Field]:
        """What is asked for an invitation: one's own name too, if the policy lets us."""
        return [EMAIL, NAME] if invitations.may_ask_name(self.provider.policy) else [EMAIL]

    async def show(self, visit: Visit) -> Response:
        """Who is in the household, and a form to invite somebody."""
        return await self._page(visit)

    async def invite(self, visit: Visit) -> Response:
        """Invite an adult by e-mail."""
        filled = read(self._fields(), visit.form)
        if not filled.ok:
            return await self._page(visit, filled, 422)
        email, network = filled.values["email"], network_of(visit.request)

        def work(transaction: Transaction) -> str | Refused:
            provider = self.provider
            account = domain.account_of(transaction.tables, visit.subject)
            if account is None or account.holder != visit.subject:
                return "Only who pays can invite."
            if len(domain.members(transaction.tables, visit.subject)) >= MEMBERS_MAX:
                return FULL
            if (
                message_limits.too_many_from(provider, transaction, "invite", network)
                or message_limits.too_many_by(provider, transaction, "invite", visit.subject)
                or message_limits.too_many_to(provider, transaction, "invite", email)
            ):
                return TOO_MANY_INVITATIONS
            result = invitations.invite(
                transaction,
                email,
                HOUSEHOLD,
                "accounts/household",
                inviter=visit.subject,
                asker=filled.values.get("name", ""),
            )
            return result if isinstance(result, Refused) else ""

        result = await self.provider.attempt(work)
        if isinstance(result, Refused):
            return self._refusal_page(visit.request, result)
        if result:
            return await self._page(visit, filled.wrong("email", result), 409)
        return RedirectResponse("/me/household?said=invited", 303)

    async def end(self, visit: Visit) -> Response:
        """Leave a household, or let a member leave it: each pays for themselves from then on."""
        who = PersonId(str(visit.form.get("member", "")))

        def work(transaction: Transaction) -> None:
            account = domain.account_of(transaction.tables, who or visit.subject)
            if account is None or visit.subject not in (account.holder, account.person_id):
                return
            if self._is_supervised(transaction, account.person_id):
                return  # a guardian's care ends on its own page, and by its own records
            domain.set_holder(
                self.provider, transaction, account.person_id, account.person_id, by=visit.subject
            )

        await self.provider.do(work)
        return RedirectResponse("/me/household", 303)

    def _is_supervised(self, transaction: Transaction, person_id: PersonId) -> bool:
        """Whether somebody is in a guardian's care, so that their costs are never their own."""
        if not transaction.peek(person_id, Act(action="serve")).allowed:
            return True
        records, _ = transaction.records_of([person_id], CARE)
        now = microseconds(transaction.clock.now())
        return any(each.in_force(now) for each in records)

    async def join_page(self, request: Request, form: FormData) -> Response:
        """What the link of an invitation shows: sign up, or come in with one's own account."""
        del form
        raw, at = request.path_params["link"], self.provider.now()
        contact = await self.provider.read(
            lambda tables: sessions.looked_at(tables, HOUSEHOLD, raw, at)
        )
        if contact is None:
            return self.provider.pages.page(request, "accounts/link-over.html", status=410)
        return await self.sign_up.gate_page(request, invitation=raw)

    async def join(self, visit: Visit) -> Response:
        """Come into a household with one's own account, by the link of an invitation."""
        raw, at = visit.request.path_params["link"], self.provider.now()
        if visit.request.method == "GET":
            contact = await self.provider.read(
                lambda tables: sessions.looked_at(tables, HOUSEHOLD, raw, at)
            )
            page = "accounts/join.html" if contact else "accounts/link-over.html"
            return self.provider.pages.page(
                visit.request, page, status=200 if contact else 410, link=raw
            )

        def work(transaction: Transaction) -> bool:
            if domain.members(transaction.tables, visit.subject) or self._is_supervised(
                transaction, visit.subject
            ):
                return False
            contact = sessions.looked_at(transaction.tables, HOUSEHOLD, raw, at)
            invitation = (
                invitations.find_by_contact(transaction.tables, PersonId(contact), at)
                if contact
                else None
            )
            if invitation is None or invitation.inviter == visit.subject:
                return False
            if not domain.has_place(transaction, invitation.inviter):
                return False
            sessions.redeem(transaction.tables, HOUSEHOLD, raw, at)
            if invitations.redeem(transaction, invitation) is None:
                return False
            domain.set_holder(
                self.provider, transaction, visit.subject, invitation.inviter, by=visit.subject
            )
            return True

        if not await self.provider.do(work):
            return self.provider.pages.page(visit.request, "accounts/link-over.html", status=410)
        return RedirectResponse("/me/household", 303)

    def _refusal_page(self, request: Request, refusal: Refused) -> Response:
        return refusal_page(self.provider, request, refusal)

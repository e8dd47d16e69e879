"""Passwords and sessions: choosing another password, getting in again without one, signing out.

A password that is changed, however it was changed, ends every session and is told by a message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from upheld.core.ids import PersonId
from upheld.gate.act.request import Act, Refused
from upheld.gate.evidence.provers import BIRTH_DATE
from upheld.gate.transaction import Transaction
from upheld.practice import credentials, message_limits, outbox, sign_in_attempts
from upheld.practice.endpoints import Visit, network_of, start_session
from upheld.practice.events import PASSWORD_CHANGED
from upheld.practice.plugin import Provider
from upheld.practice.reasons import refusal_page
from upheld.practices.accounts import authenticator, domain, imported_sign_in
from upheld.web import passwords, sessions
from upheld.web.forms import EMPTY, Field, Filled, read

EMAIL: Final = Field("email", "E-mail address", "email", autocomplete="username", length_max=254)
NEW: Final = Field(
    "password",
    "New password",
    "password",
    autocomplete="new-password",
    length_max=passwords.LENGTH_MAX,
    hint=f"At least {passwords.LENGTH_MIN} characters: three or four words are good.",
)
RECOVER: Final = "recover"  # the kind of link that leads to a new password
LINK_TEMPLATES: Final = (
    "accounts/recover",
    domain.WELCOME,
    "guardians/reset",
)  # the messages that have such a link
TOO_MANY_TRIES: Final = (
    "There were too many tries from where you are. Wait a few minutes, then try again."
)


def revoke_links(transaction: Transaction, person_id: PersonId, _: str = "") -> None:
    """Revoke somebody's links to a new password, and drop messages that would bring one."""
    sessions.revoke(transaction.tables, RECOVER, person_id)
    for template in LINK_TEMPLATES:
        outbox.cancel(transaction, person_id, template)


class Security:
    """The pages of passwords and sessions."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, visit: Visit) -> Response:
        """Where somebody is signed in, and the way to another password."""
        person = visit.subject
        open_sessions, factor = await self.provider.read(
            lambda tables: (
                sessions.listed(tables, "customer", person, self.provider.now()),
                authenticator.second_factor(tables, person),
            )
        )
        return self.provider.pages.page(
            visit.request,
            "accounts/security.html",
            sessions=open_sessions,
            factor=factor,
            own=visit.session.key,
            changed=visit.request.query_params.get("said") == "changed",
        )

    async def end(self, visit: Visit) -> Response:
        """End one session of somebody's, or all but this one."""
        which = str(visit.form.get("session", ""))

        def work(transaction: Transaction) -> None:
            if which == "others":
                sessions.end_others(transaction.tables, visit.session)
                return
            for each in sessions.listed(
                transaction.tables, "customer", visit.subject, self.provider.now()
            ):
                if each.key.hex() == which:
                    sessions.end(transaction.tables, each)

        await self.provider.do(work)
        return RedirectResponse("/me/security", 303)

    def _change_page(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        return self._form(visit.request, filled, status)

    def _form(
        self, request: Request, filled: Filled, status: int, more: Sequence[Field] = ()
    ) -> Response:
        return self.provider.pages.page(
            request, "accounts/password.html", status=status, fields=[NEW, *more], filled=filled
        )

    async def change(self, visit: Visit) -> Response:
        """Choose another password, right after the old one was given."""
        if visit.request.method == "GET":
            return self._change_page(visit)
        filled = await self._read_password(visit.form, visit.subject)
        if not filled.ok:
            return self._change_page(visit, filled, 422)
        secret = await self.provider.run_in_thread(passwords.hashed, filled.values["password"])
        response: Response = RedirectResponse("/me/security?said=changed", 303)

        def work(transaction: Transaction) -> Refused | None:
            refusal = self._set_password(transaction, visit.subject, secret)
            if refusal is None:
                start_session(
                    self.provider,
                    transaction.tables,
                    visit.request,
                    response,
                    "customer",
                    visit.subject,
                )
            return refusal

        result = await self.provider.attempt(work)
        return (
            self._refusal_page(visit.request, result) if isinstance(result, Refused) else response
        )

    def _refusal_page(self, request: Request, refusal: Refused) -> Response:
        return refusal_page(self.provider, request, refusal)

    async def _read_password(self, form: FormData, person_id: PersonId) -> Filled:
        """A password that was chosen, checked against the common ones and the person's own name."""
        filled = read([NEW], form)
        if not filled.ok:
            return filled

        def own(transaction: Transaction) -> list[str]:
            result = transaction.act(
                Act(action="use", data=("name", "email"), purpose="security", partial=True),
                person_id,
            )
            return [] if isinstance(result, Refused) else [v.value for v in result.values.values()]

        context = [*await self.provider.do(own), self.provider.imprint.name]
        why = passwords.refused(filled.values["password"], context)
        return filled.wrong("password", why) if why else filled

    def _set_password(
        self, transaction: Transaction, person_id: PersonId, secret: str
    ) -> Refused | None:
        """Keep another password, end every session, and say so by a message."""
        refusal = credentials.change_secret(
            transaction,
            person_id,
            credentials.SIGN_IN,
            secret,
            occasion=credentials.change_occasion(transaction, person_id),
        )
        if refusal is not None:
            return refusal
        sessions.end_all(transaction.tables, "customer", person_id)
        self.provider.events.announce(transaction, PASSWORD_CHANGED, person_id)
        outbox.queue(transaction, person_id, "accounts/changed", "administrative-message")
        return None

    def _recover_page(
        self, request: Request, filled: Filled = EMPTY, status: int = 200
    ) -> Response:
        return self.provider.pages.page(
            request, "accounts/recover.html", status=status, fields=[EMAIL], filled=filled
        )

    async def recover(self, request: Request, form: FormData) -> Response:
        """Send a link to an address that has an account; the same is said to everybody."""
        if request.method == "GET":
            return self._recover_page(request)
        filled = read([EMAIL], form)
        if not filled.ok:
            return self._recover_page(request, filled, 422)
        address = network_of(request)

        def work(transaction: Transaction) -> bool:
            if message_limits.too_many_from(self.provider, transaction, "recover", address):
                return False
            email = filled.values["email"]
            if message_limits.too_many_to(self.provider, transaction, "recover", email):
                return True
            person, template = domain.person_at_address(transaction, email), "accounts/recover"
            if not person and (person := domain.imported_person(transaction, email)):
                template = domain.WELCOME
            whose = person or domain.placeholder_person(transaction)
            revoke_links(transaction, whose)
            outbox.queue(transaction, whose, template, "administrative-message")
            if not person:
                outbox.cancel(transaction, whose)
            return True

        if not await self.provider.do(work):
            return self._recover_page(request, filled.wrong("email", TOO_MANY_TRIES), 429)
        return RedirectResponse("/recover/sent", 303)

    async def sent_page(self, request: Request) -> Response:
        """What everybody is told who asked for a link."""
        return self.provider.pages.page(request, "accounts/recover-sent.html")

    async def choose(self, request: Request, form: FormData) -> Response:
        """Choose another password by a link, which is used up by that alone."""
        raw, provider, at = request.path_params["link"], self.provider, self.provider.now()
        subject = await provider.read(lambda tables: sessions.looked_at(tables, RECOVER, raw, at))
        if subject is None:
            return provider.pages.page(request, "accounts/link-over.html", status=410)
        person = PersonId(subject)
        fields = await provider.do(
            lambda transaction: imported_sign_in.fields(provider, transaction, person)
        )
        if request.method == "GET":
            return self._form(request, EMPTY, 200, fields)
        filled = await self._read_password(form, person)
        more = read(fields, form)
        born = more.values.get(BIRTH_DATE, "")
        filled = filled._replace(errors=filled.errors | more.errors, shown=more.shown)
        if not filled.ok:
            return self._form(request, filled, 422, fields)
        if born and (refusal := imported_sign_in.refusal_by_age(provider, born)):
            return self._refusal_page(request, refusal)
        secret = await provider.run_in_thread(passwords.hashed, filled.values["password"])

        def work(transaction: Transaction) -> Refused | bool:
            if sessions.redeem(transaction.tables, RECOVER, raw, at) != person:
                return False
            refusal = imported_sign_in.open_account(provider, transaction, person, born)
            return refusal or self._set_password(transaction, person, secret) or True

        result = await provider.attempt(work)
        if isinstance(result, Refused):
            return self._refusal_page(request, result)
        if not result:
            return provider.pages.page(request, "accounts/link-over.html", status=410)
        response = RedirectResponse("/sign-in?said=changed", 303)
        # Whoever has the mailbox is let in, however many guess at the password meanwhile.
        sign_in_attempts.remember_device(provider, request, response, "customer", person)
        return response

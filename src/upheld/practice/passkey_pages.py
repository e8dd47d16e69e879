"""The page of somebody's own passkeys, the same for customers and at every desk."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import RedirectResponse, Response

from upheld.database.own_tables import Tables
from upheld.gate.transaction import Transaction
from upheld.practice import passkeys
from upheld.practice.endpoints import Visit
from upheld.practice.plugin import Provider
from upheld.web import devices
from upheld.web.forms import EMPTY, Field, Filled

CODE = Field(
    "code",
    "One-time password or recovery code",
    autocomplete="one-time-code",
    length_max=30,
    hint="A passkey signs you in without it, so we ask once more.",
)
NOT_MADE = (
    "No passkey was made: it is there already, or this page was open for too long. Try again."
)
WRONG = "This is not right, or was used already."
Check = Callable[
    [Transaction, str, str], bool
]  # of somebody and a code: whether it is right, if needed


class OwnPasskeys:
    """Listing, making and removing one's own passkeys."""

    def __init__(self, provider: Provider, kind: str, back: str) -> None:
        self.provider, self.kind, self.back = provider, kind, back

    def has_factor(self, tables: Tables, subject: str) -> bool:
        """Whether a code is asked for before a passkey is made; at a desk the session shows it."""
        del tables, subject
        return False

    def accepts_code(self, transaction: Transaction, subject: str, code: str) -> bool:
        """Whether a code is right, where one is asked for."""
        del transaction, subject, code
        return True

    def record_change(self, transaction: Transaction, subject: str, what: str) -> None:
        """Write an entry that a passkey was made or removed."""
        transaction.note(None, f"desk.{what}", actor=f"{self.kind} {subject}")

    async def _page(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        provider, kind, subject = self.provider, self.kind, visit.subject
        site = passkeys.site_of(provider, visit.request)
        user_name = visit.user.sign_in if visit.user else "my account"

        def look(tables: Tables) -> tuple[list[passkeys.Passkey], str, bool]:
            options = (
                ""
                if site is None
                else passkeys.registration_options(
                    tables, provider, site, kind, subject, visit.session.key, user_name
                )
            )
            return (
                passkeys.passkeys_of(tables, kind, subject),
                options,
                self.has_factor(tables, subject),
            )

        own, options, asks = await provider.read(look)
        return provider.pages.page(
            visit.request,
            "passkeys.html",
            passkeys=own,
            options=options,
            status=status,
            fields=[CODE] if asks else [],
            filled=filled,
            back=self.back,
        )

    async def show(self, visit: Visit) -> Response:
        """The list of passkeys, and the form that makes another."""
        return await self._page(visit)

    async def change(self, visit: Visit) -> Response:
        """Make a passkey, or remove one."""
        kind, subject, form = self.kind, visit.subject, visit.form
        handle = str(form.get("remove", ""))
        credential, code = str(form.get("credential", "")), str(form.get("code", ""))
        site = passkeys.site_of(self.provider, visit.request)
        device = devices.name_of(visit.request.headers.get("user-agent", ""))

        def work(transaction: Transaction) -> str:
            if handle:
                if passkeys.remove(transaction.tables, kind, subject, handle):
                    self.record_change(transaction, subject, "passkey-off")
                return ""
            if site is None or not credential:
                return NOT_MADE
            if not self.accepts_code(transaction, subject, code):
                return WRONG
            if not passkeys.register(
                transaction, site, kind, subject, visit.session.key, credential, device
            ):
                return NOT_MADE
            self.record_change(transaction, subject, "passkey-on")
            return ""

        why = await self.provider.do(work)
        if why:
            return await self._page(visit, EMPTY.wrong("code", why), 422)
        return RedirectResponse(visit.request.url.path, 303)

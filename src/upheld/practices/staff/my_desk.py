"""My desk: another password, and the accounts that are one's own or a relative's.

Whoever names an account can never work on it, and cannot take that back. What is said is the same
whether there is such an account or not, so that nobody learns of one by naming it.
"""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from upheld.gate.transaction import Transaction
from upheld.practice import operators, tasks
from upheld.practice.endpoints import Visit
from upheld.practice.plugin import Provider
from upheld.practices.staff.console import user_of
from upheld.web import passwords, sessions
from upheld.web.forms import EMPTY, Field, Filled, read
from upheld.web.limits import SIGN_IN_ACCOUNT, Rate

NAMING_RATE: Final = Rate(5, 3600)
ACCOUNT: Final = (
    Field(
        "account",
        "Account number",
        length_max=20,
        autocomplete="off",
        hint="Of your own account with us, or a relative's. You cannot take it back.",
    ),
)
PASSWORD: Final = (
    Field("old", "Current password", "password", autocomplete="current-password", length_max=200),
    Field(
        "new",
        "New password",
        "password",
        autocomplete="new-password",
        length_max=200,
        hint=f"At least {passwords.LENGTH_MIN_STAFF} characters. It signs you out everywhere else.",
    ),
)
TOO_MANY_TRIES: Final = "There were too many tries. Wait a while, then try again."


class MyDeskPage:
    """The page of whoever is signed in at a desk of staff."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def page(self, visit: Visit, filled: Filled = EMPTY, done: str = "") -> Response:
        """Both forms."""
        return self.provider.pages.page(
            visit.request,
            "staff/me.html",
            user=user_of(visit),
            account=ACCOUNT,
            password=PASSWORD,
            filled=filled,
            done=done,
            status=422 if filled.errors else 200,
        )

    async def show(self, visit: Visit) -> Response:
        """Both forms, empty."""
        return self.page(visit)

    async def leave(self, visit: Visit) -> Response:
        """Leave an account to others from now on."""
        user, filled = user_of(visit), read(ACCOUNT, visit.form)
        if not filled.ok:
            return self.page(visit, filled)

        def work(transaction: Transaction) -> bool:
            limits = self.provider.limits
            if limits.take(
                transaction.tables, NAMING_RATE, "own-account", user.user_id, at=self.provider.now()
            ):
                return False
            for person_id in self.provider.find_people(
                transaction, "account", filled.values["account"]
            ):
                operators.leave_to_others(transaction.tables, user.user_id, person_id)
                for task in tasks.tasks_of_staff(transaction.tables, user.user_id):
                    if task.person_id == person_id:
                        tasks.put_back(transaction, task.task_id, by=user.user_id)
            return True

        if not await self.provider.do(work):
            return self.page(visit, filled.wrong("account", TOO_MANY_TRIES))
        return self.page(
            visit,
            done="Noted. If there is such an account, others work on it from "
            "now on; you use the portal.",
        )

    async def change(self, visit: Visit) -> Response:
        """Sign in by another password from now on, here and nowhere else."""
        provider, user, filled = self.provider, user_of(visit), read(PASSWORD, visit.form)
        if not filled.ok:
            return self.page(visit, filled)
        too_many = await provider.do(
            lambda transaction: provider.limits.take(
                transaction.tables,
                SIGN_IN_ACCOUNT,
                "desk-password",
                user.user_id,
                at=provider.now(),
            )
        )
        if too_many:
            return self.page(visit, filled.wrong("old", TOO_MANY_TRIES))
        login = await provider.read(
            lambda tables: operators.find_by_sign_in(tables, user.kind, user.sign_in)
        )
        fits = await provider.run_in_thread(
            passwords.fits, login[1] if login else "", filled.values["old"]
        )
        if not fits:
            return self.page(visit, filled.wrong("old", "This is not your password."))
        why = await provider.run_in_thread(
            passwords.refused,
            filled.values["new"],
            (user.name, user.sign_in, provider.imprint.name),
            passwords.LENGTH_MIN_STAFF,
        )
        if why:
            return self.page(visit, filled.wrong("new", why))
        hashed = await provider.run_in_thread(passwords.hashed, filled.values["new"])

        def work(transaction: Transaction) -> None:
            operators.change_password(transaction.tables, user.user_id, hashed)
            sessions.end_others(transaction.tables, visit.session)
            transaction.note(None, "desk.password", actor=f"{user.kind} {user.user_id}")

        await provider.do(work)
        return self.page(visit, done="Your password is changed, and you are signed out elsewhere.")

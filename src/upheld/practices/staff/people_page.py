"""Who works here, for managers: add somebody, with a code that is shown once; let somebody go.

Both need a password that was given in the last minutes. A manager never learns anybody's later
password: the first one is made here and shown once, and its owner changes it at their desk.
"""

from __future__ import annotations

import secrets
from typing import Any, Final

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from upheld.gate.joint import Joint
from upheld.practice import desks
from upheld.practice.brings import Provider
from upheld.practice.visits import Visit
from upheld.practices.staff import people
from upheld.practices.staff.console import user_of
from upheld.practices.staff.people import Added, PeopleError
from upheld.practices.staff.roles import MANAGER, Roles
from upheld.web import totp
from upheld.web.forms import EMPTY, Field, Filled, read

HERE: Final = "/staff/people"


class People:
    """The page of who works here."""

    def __init__(self, provider: Provider, roles: Roles) -> None:
        self.provider = provider
        self.fields = (
            Field("name", "Name", hint="As colleagues read it.", autocomplete="off"),
            Field("sign-in", "Name to sign in with", autocomplete="off"),
            Field("roles", "Roles", "checks", required=False,
                  options=[(name, role.title) for name, role in roles.by_name.items()]),
            Field("company", "Company", required=False, autocomplete="off",
                  hint="By its name on the register, if they work for one that we engaged."),
        )  # fmt: skip

    async def _page(
        self, visit: Visit, filled: Filled = EMPTY, status: int = 200, **more: Any
    ) -> Response:
        manager_of(visit)
        listed = await self.provider.read(desks.listed)
        words = {"added": None, "picture": "", "password": "", **more}
        return self.provider.pages.page(
            visit.request, "staff/people.html", people=listed, fields=self.fields, filled=filled,
            status=status, **words,
        )  # fmt: skip

    async def show(self, visit: Visit) -> Response:
        """Everybody, and the form to add somebody."""
        return await self._page(visit)

    async def add(self, visit: Visit) -> Response:
        """Add somebody; their first password and their code are on this one answer alone."""
        by = manager_of(visit).user_id
        filled = read(self.fields, visit.form)
        told = filled.values
        party = told.get("company", "")
        if filled.ok and bool(party) == bool(told.get("roles")):
            filled = filled.wrong("roles", "Choose roles for a member of staff, or name a company.")
        if not filled.ok:
            return await self._page(visit, filled, 422)
        password = secrets.token_urlsafe(15)

        def work(joint: Joint) -> Added:
            return people.add(
                joint, "agent" if party else "staff", told["name"], told["sign-in"], password,
                roles=told["roles"].split(", ") if not party else (), party=party,
                issuer=self.provider.imprint.name, by=by,
            )  # fmt: skip

        try:
            added = await self.provider.do(work)
        except PeopleError as error:
            wrong = filled.wrong("sign-in", f"{error}; {error.hint}.".capitalize())
            return await self._page(visit, wrong, 422)
        picture = Markup(totp.picture(added.address))  # noqa: S704 - made here of our own secret
        return await self._page(visit, added=added, picture=picture, password=password)

    async def end(self, visit: Visit) -> Response:
        """Let somebody go; a manager cannot let themselves go."""
        by = manager_of(visit).user_id
        user_id = visit.request.path_params["user"]
        if user_id == by:
            raise HTTPException(403)
        try:
            await self.provider.do(lambda joint: people.end(joint, user_id, by=by))
        except PeopleError:
            raise HTTPException(404) from None
        return RedirectResponse(HERE, 303)


def manager_of(visit: Visit) -> desks.User:
    """Whoever manages; 403 for everybody else."""
    user = user_of(visit)
    if MANAGER not in user.roles:
        raise HTTPException(403)
    return user

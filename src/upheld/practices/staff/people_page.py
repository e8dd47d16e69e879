"""Who works here, for managers: ask for a colleague, for roles, or a new enrolment; let one go.

All of it needs a password that was given in the last minutes. What a manager asks for waits for
another one, who says yes and is shown the link at which the colleague enrols. No manager ever
learns anybody's password or what their authenticator reads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.core.company_names import company_name
from upheld.core.ids import RequestId, UserId
from upheld.database.own_tables import Tables
from upheld.gate.transaction import Transaction
from upheld.practice import operators, tasks
from upheld.practice.consequences import (
    Banner,
    Confirmation,
    redirect_with_banner,
    require_confirmation,
    short_reference,
)
from upheld.practice.endpoints import Visit
from upheld.practice.parties import PartyError
from upheld.practice.plugin import Provider
from upheld.practices.staff import people, second_approval
from upheld.practices.staff.console import user_of
from upheld.practices.staff.people import Enrolment, PeopleError
from upheld.practices.staff.roles import MANAGER, Roles
from upheld.practices.staff.second_approval import ApprovalRequest
from upheld.web.forms import EMPTY, Field, Filled, read

HERE: Final = "/staff/people"
WAITS_FOR_APPROVAL: Final = "It waits for another manager's yes."
STATES: Final = {
    operators.REQUESTED: "waits for a second person",
    operators.INVITED: "has not enrolled yet",
    operators.ACTIVE: "works here",
    operators.ENDED: "ended",
}


class RequestLine(NamedTuple):
    """A request as its line says it."""

    request_id: RequestId
    title: str
    by: str
    asked_at: Any
    mine: bool


class PeoplePage:
    """The page of who works here."""

    def __init__(self, provider: Provider, roles: Roles) -> None:
        self.provider = provider
        options = [(name, role.title) for name, role in roles.by_name.items()]
        self.fields = (
            Field("name", "Name", hint="As colleagues read it.", autocomplete="off"),
            Field("sign-in", "Name to sign in with", autocomplete="off"),
            Field("roles", "Roles", "checks", required=False, options=options),
            Field(
                "company",
                "Company",
                required=False,
                autocomplete="off",
                hint="By its name on the register, if they work for one that we engaged.",
            ),
        )
        self.role_fields = (
            Field("colleague", "Who", autocomplete="off", hint="The name they sign in with."),
            Field("new-roles", "New roles", "checks", options=options),
        )

    async def _page(
        self, visit: Visit, filled: Filled = EMPTY, status: int = 200, **more: Any
    ) -> Response:
        user = manager_of(visit)

        def look(tables: Tables) -> tuple[list[operators.User], list[ApprovalRequest]]:
            return operators.all_users(tables), second_approval.requests(tables)

        users, requests = await self.provider.read(look)
        by_id = {each.user_id: each for each in users}
        words: dict[str, Any] = {"invited": None, "address": "", "done": "", **more}
        return self.provider.pages.page(
            visit.request,
            "staff/people.html",
            status=status,
            people=users,
            states=STATES,
            requests=[_request_line(each, by_id, user) for each in requests],
            fields=self.fields,
            role_fields=self.role_fields,
            filled=filled,
            **words,
        )

    async def show(self, visit: Visit) -> Response:
        """Everybody, what waits, and the forms."""
        return await self._page(visit)

    async def _ask(
        self, visit: Visit, work: Callable[[Transaction], object], filled: Filled, where: str
    ) -> Response:
        """Ask for something; the page says that it waits, or why it cannot be asked for."""
        try:
            await self.provider.do(work)
        except PeopleError as error:
            return await self._page(visit, filled.wrong(where, error.in_sentences()), 422)
        except PartyError as error:
            return await self._page(visit, filled.wrong("company", error.in_sentences()), 422)
        return await self._page(visit, done=WAITS_FOR_APPROVAL)

    async def add(self, visit: Visit) -> Response:
        """Ask for a colleague, or for somebody of an engaged company."""
        by = manager_of(visit).user_id
        filled = read(self.fields, visit.form)
        values = filled.values
        party = values.get("company", "")
        if filled.ok and bool(party) == bool(values.get("roles")):
            filled = filled.wrong("roles", "Choose roles for a member of staff, or name a company.")
        if not filled.ok:
            return await self._page(visit, filled, 422)
        roles = () if party else values["roles"].split(", ")
        return await self._ask(
            visit,
            lambda transaction: second_approval.ask_to_add(
                transaction, by, values["name"], values["sign-in"], roles=roles, party=party
            ),
            filled,
            "sign-in",
        )

    async def ask_roles(self, visit: Visit) -> Response:
        """Ask for other roles of a colleague."""
        by = manager_of(visit).user_id
        filled = read(self.role_fields, visit.form)
        if not filled.ok:
            return await self._page(visit, filled, 422)
        roles = filled.values["new-roles"].split(", ")

        def work(transaction: Transaction) -> ApprovalRequest:
            user_id = people.by_sign_in(transaction, filled.values["colleague"])
            return second_approval.ask_for(transaction, by, user_id, second_approval.ROLES, roles)

        return await self._ask(visit, work, filled, "colleague")

    async def ask(self, visit: Visit) -> Response:
        """Ask that a colleague may enrol anew."""
        by, user_id = manager_of(visit).user_id, visit.request.path_params["user"]
        if await self.provider.read(lambda tables: operators.find_user(tables, user_id)) is None:
            raise HTTPException(404)
        return await self._ask(
            visit,
            lambda transaction: second_approval.ask_for(
                transaction, by, user_id, second_approval.ENROL
            ),
            EMPTY,
            "name",
        )

    async def answer(self, visit: Visit) -> Response:
        """Say yes or no to what waits. A link to enrol by is on this one answer alone."""
        by, yes = manager_of(visit).user_id, visit.form.get("answer") == "yes"
        request_id = visit.request.path_params["request"]

        def work(transaction: Transaction) -> Enrolment | None:
            if yes:
                return second_approval.approve(transaction, by, request_id)
            second_approval.refuse(transaction, by, request_id)
            return None

        try:
            invited = await self.provider.do(work)
        except (PeopleError, PartyError) as error:
            return await self._page(visit, EMPTY.wrong("name", error.in_sentences()), 422)
        if invited is None:
            return await self._page(visit, done="It was declined, and nothing was changed.")
        if not invited.path:
            return await self._page(visit, done=f"{invited.user.name} has other roles now.")
        request = visit.request
        own = self.provider.settings.url or str(request.base_url).rstrip("/")
        return await self._page(visit, invited=invited, address=own + invited.path)

    async def end(self, visit: Visit) -> Response:
        """Let somebody go, once that was confirmed; a manager cannot let themselves go."""
        by = manager_of(visit).user_id
        user_id = visit.request.path_params["user"]
        if user_id == by:
            raise HTTPException(403)

        def work(transaction: Transaction) -> operators.User:
            user = operators.find_user(transaction.tables, user_id)
            if user is not None and user.state != operators.ENDED:
                number = len(tasks.tasks_of_staff(transaction.tables, user_id))
                question = _end_confirmation(user, number)
                require_confirmation(self.provider, transaction.tables, visit, question)
            return people.end(transaction, user_id, by=by)

        try:
            user = await self.provider.do(work)
        except PeopleError:
            raise HTTPException(404) from None
        banner = Banner(
            f"{user.name}, who signed in as {user.sign_in}, has no access any longer.",
            short_reference(user.user_id),
        )
        return redirect_with_banner(self.provider, visit.session, HERE, banner)


def _end_confirmation(user: operators.User, number: int) -> Confirmation:
    """What it means to let somebody go who has so many tasks."""
    consequences = [
        f"{user.name} is signed out everywhere at once, and cannot sign in as {user.sign_in} again."
    ]
    if number:
        work = "task that they took waits" if number == 1 else "tasks that they took wait"
        consequences.append(f"{number} {work} for a colleague.")
    consequences.append(
        "This cannot be undone. To have them back, ask for them as a new colleague; another"
        " manager says yes to that."
    )
    return Confirmation(
        f"Remove the access of {user.name}?",
        consequences,
        f"{HERE}/{user.user_id}/end",
        "Remove access",
        HERE,
        grave=True,
    )


def _request_line(
    request: ApprovalRequest, by_id: dict[UserId, operators.User], user: operators.User
) -> RequestLine:
    whom, asker = by_id.get(request.user_id), by_id.get(request.asked_by)
    name = f"{whom.name}, who signs in as {whom.sign_in}" if whom else "somebody"
    roles = ", ".join(request.roles) or (f"for {company_name(whom.party)}" if whom else "")
    title = {
        second_approval.ADD: f"Add {name}: {roles}",
        second_approval.ROLES: f"Give {name}, these roles and no other: {roles}",
        second_approval.ENROL: f"Let {name}, enrol anew",
    }[request.kind]
    return RequestLine(
        request.request_id,
        title,
        asker.name if asker else "somebody",
        request.asked_at,
        request.asked_by == user.user_id,
    )


def manager_of(visit: Visit) -> operators.User:
    """Whoever manages; 403 for everybody else."""
    user = user_of(visit)
    if MANAGER not in user.roles:
        raise HTTPException(403)
    return user

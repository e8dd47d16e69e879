"""How a guardian is invited, and says yes.

Of somebody under age no more is held than a first name by which they are known: they give the
address of a parent or guardian and are shown a code, once. The guardian gets a link, signs in with
an account of their own, and answers on one page. Whether they are who they say is shown by a
payment of theirs, or by a member of staff.
"""

from __future__ import annotations

from typing import Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from upheld.core.ids import PersonId
from upheld.gate.act.request import Act, Refused
from upheld.gate.transaction import Transaction
from upheld.practice import invitations, message_limits, tasks
from upheld.practice.admission import admission
from upheld.practice.ages import is_minor
from upheld.practice.endpoints import Visit, network_of
from upheld.practice.events import IDENTITY_CHECKED
from upheld.practice.invitations import GUARDIAN
from upheld.practice.plugin import Provider
from upheld.practice.reasons import refusal_page
from upheld.practices.guardians import domain
from upheld.web import sessions
from upheld.web.forms import EMPTY, Field, Filled, read

EMAIL: Final = Field("email", "E-mail address of your parent or guardian", "email", length_max=254)
ASKER: Final = Field(
    "name",
    "Your first name",
    length_max=40,
    autocomplete="given-name",
    hint="So that they know who asks.",
    check=invitations.name_of_letters,
)
EVIDENCE: Final = Field(
    "saw",
    "What you saw",
    "select",
    options=[
        ("call", "I called them, on a number from elsewhere, and they confirmed it"),
        ("document", "I saw a document with their name and picture"),
        ("meeting", "They came to us in person"),
    ],
)
TOO_MANY_TRIES: Final = (
    "There were too many tries from where you are. Wait a few minutes, then try again."
)
ANSWERS: Final = tuple(
    Field(what, text, "tick", length_max=3, options=[("yes", "")])
    for what, (_, text) in domain.KINDS.items()
)
TOO_YOUNG, OWN, OVER, GOOD = "young", "own", "over", ""


class InvitationPages:
    """The pages of inviting a guardian, and of answering."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def _page(
        self, request: Request, template: str, status: int = 200, **words: object
    ) -> Response:
        return self.provider.pages.page(
            request, f"guardians/{template}.html", status=status, **words
        )

    def _refusal_page(self, request: Request, refusal: Refused) -> Response:
        return refusal_page(self.provider, request, refusal)

    async def ask(self, request: Request, form: FormData) -> Response:
        """Ask for a guardian's address, write to it, and show the code with which to come back."""
        if not admission(self.provider.policy).takes_minors:
            return RedirectResponse("/sign-up", 303)  # nobody needs a guardian's leave
        fields = self._form_fields()

        def again(filled: Filled, status: int) -> Response:
            return self._page(request, "ask", status, fields=fields, filled=filled)

        if request.method == "GET":
            return again(EMPTY, 200)
        filled = read(fields, form)
        if not filled.ok:
            return again(filled, 422)
        email, address = filled.values["email"], network_of(request)

        def work(transaction: Transaction) -> str | Refused:
            if message_limits.too_many_from(
                self.provider, transaction, "guardian", address
            ) or message_limits.too_many_to(self.provider, transaction, "guardian", email):
                return ""
            result = invitations.invite(
                transaction,
                email,
                GUARDIAN,
                "guardians/invited",
                asker=filled.values.get("name", ""),
            )
            return result if isinstance(result, Refused) else result[1]

        code = await self.provider.attempt(work)
        if isinstance(code, Refused):
            return self._refusal_page(request, code)
        if not code:
            return again(filled.wrong("email", TOO_MANY_TRIES), 429)
        return self._page(request, "code", code=code)

    def _form_fields(self) -> list[Field]:
        """What is asked of whoever is under age: a name of theirs too, if the policy lets us."""
        may_ask = invitations.may_ask_name(self.provider.policy)
        return [ASKER, EMAIL] if may_ask else [EMAIL]

    def _asker(self, transaction: Transaction, contact: PersonId) -> tuple[str, str]:
        """By which name who asks is known to whoever is asked, and the code that both can see."""
        act = Act(action="use", data=("name",), purpose="administrative-message", partial=True)
        result = transaction.act(act, contact)
        name = "" if isinstance(result, Refused) or "name" not in result.values else result["name"]
        invitation = invitations.find_by_contact(transaction.tables, contact, self.provider.now())
        return name, invitations.comparison_code(invitation.invitation_id) if invitation else ""

    async def signed_out_page(self, request: Request) -> Response:
        """What the link shows to whoever is not signed in: how to go on."""
        raw, at = request.path_params["link"], self.provider.now()
        contact = await self.provider.read(
            lambda tables: sessions.looked_at(tables, GUARDIAN, raw, at)
        )
        return self._page(request, "closed" if contact else "over", 200 if contact else 410)

    async def answer(self, visit: Visit) -> Response:
        """What is asked of a guardian who is signed in, and their yes."""
        raw, at, provider = visit.request.path_params["link"], self.provider.now(), self.provider
        contact = await provider.read(lambda tables: sessions.looked_at(tables, GUARDIAN, raw, at))
        if contact is None:
            return self._page(visit.request, "over", 410)
        asker, compare = await provider.do(
            lambda transaction: self._asker(transaction, PersonId(contact))
        )

        def again(filled: Filled, status: int, problem: str = "") -> Response:
            return self._page(
                visit.request,
                "answer",
                status,
                fields=ANSWERS,
                filled=filled,
                said=problem,
                asker=asker,
                compare=compare,
            )

        if visit.request.method == "GET":
            return again(EMPTY, 200)
        if visit.form.get("answer") == "no":
            await provider.do(lambda transaction: self._decline(transaction, raw))
            return RedirectResponse("/me/family?said=declined", 303)
        filled = read(ANSWERS, visit.form)
        if not filled.ok:
            return again(filled, 422)
        result = await provider.attempt(
            lambda transaction: self._accept(transaction, visit.subject, raw)
        )
        if isinstance(result, Refused):
            return self._refusal_page(visit.request, result)
        if result == domain.CHECK:
            return RedirectResponse("/me/family?said=checking", 303)
        if result:
            return again(filled, 403, result)
        return RedirectResponse("/me/family?said=accepted", 303)

    def _accept(self, transaction: Transaction, guardian_id: PersonId, raw: str) -> str | Refused:
        """Let somebody say yes who is of age themselves; else why not."""
        age = domain.age(transaction, guardian_id)
        if isinstance(age, Refused):
            return age
        if is_minor(transaction.policy, age):
            return "Only somebody who is of age themselves can say yes to this."
        at = self.provider.now()
        contact = sessions.redeem(transaction.tables, GUARDIAN, raw, at)
        invitation = (
            invitations.find_by_contact(transaction.tables, PersonId(contact), at)
            if contact
            else None
        )
        if invitation is None:
            return "This invitation has expired."
        return "" if domain.accept(transaction, guardian_id, invitation) else domain.CHECK

    def _decline(self, transaction: Transaction, raw: str) -> None:
        at = self.provider.now()
        contact = sessions.redeem(transaction.tables, GUARDIAN, raw, at)
        invitation = (
            invitations.find_by_contact(transaction.tables, PersonId(contact), at)
            if contact
            else None
        )
        if invitation is not None:
            invitations.finish(transaction, invitation)

    async def check(self, visit: Visit) -> Response:
        """A member of staff says, on a task that they took, that somebody is who they say."""
        task_id = visit.request.path_params["task"]
        check_task = await self.provider.read(lambda tables: tasks.find_task(tables, task_id))
        mine = (
            check_task is not None
            and check_task.kind == domain.CHECK
            and check_task.staff_id == visit.user_id
        )
        if check_task is not None and not mine:
            await self.provider.do(
                lambda transaction: tasks.record_attempt(transaction, check_task, visit.user_id)
            )
        if check_task is None or not mine or check_task.state != "taken":
            return self._page(visit.request, "no-check", 404)
        if visit.request.method == "GET":
            return self._page(
                visit.request, "check", task=check_task, fields=[EVIDENCE], filled=EMPTY
            )
        yes = visit.form.get("answer") == "yes"
        filled = read([EVIDENCE], visit.form)
        if yes and not filled.ok:
            return self._page(
                visit.request, "check", 422, task=check_task, fields=[EVIDENCE], filled=filled
            )

        def work(transaction: Transaction) -> None:
            task = tasks.find_task(transaction.tables, task_id)
            if task is None or (task.state, task.staff_id) != ("taken", visit.user_id):
                return  # somebody closed it meanwhile
            if yes:
                saw = filled.values["saw"]
                transaction.note(
                    check_task.person_id,
                    "identity-check",
                    actor=f"staff {visit.subject}",
                    evidence=(saw,),
                )
                self.provider.events.announce(
                    transaction, IDENTITY_CHECKED, check_task.person_id, saw
                )
            tasks.close(transaction, task_id, by=visit.subject)

        await self.provider.do(work)
        return RedirectResponse("/staff", 303)

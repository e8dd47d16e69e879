"""Debts at the desks: a member of staff hands an account over, an agent sees it while it is due."""

from __future__ import annotations

from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from upheld.core.company_names import company_name
from upheld.gate.act.request import Refused
from upheld.gate.evidence import field_values
from upheld.gate.transaction import Transaction
from upheld.practice import operators, parties, tasks
from upheld.practice.consequences import (
    Banner,
    Confirmation,
    confirmation_page,
    redirect_with_banner,
    require_confirmation,
    short_reference,
)
from upheld.practice.endpoints import Visit
from upheld.practice.labels import label_of_customers
from upheld.practice.operators import User
from upheld.practice.plugin import Provider
from upheld.practices.billing import debts
from upheld.practices.billing.debt_questions import (
    amount_owed,
    hand_over_confirmation,
    recall_confirmation,
)
from upheld.practices.billing.debts import Debt, DebtError, Preview
from upheld.practices.billing.invoices import DEBT, due_numbers
from upheld.practices.billing.refusals import cited_clauses, refusal
from upheld.web.forms import EMPTY, Field, Filled, read

ROLE = "billing"


class DebtCase(NamedTuple):
    """A task on a debt, with what would be shared with whom."""

    task: tasks.Task
    mine: bool
    numbers: list[tuple[str, object]]
    agents: list[str]
    preview: Preview | None
    debts: list[Debt]


class DebtPages:
    """The pages of staff and of agents about debts."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    @property
    def _labels(self) -> dict[str, str]:
        policy = self.provider.policy
        words = policy.program.vocabulary.tree("data")
        return {word: label_of_customers(policy, "data", word) for word in words}

    def _user(self, transaction: Transaction, visit: Visit) -> User:
        """Whoever works here, if they have the role; 403 otherwise."""
        user = operators.find_active_user(transaction.tables, visit.user_id)
        if user is None or (user.kind == "staff" and ROLE not in user.roles):
            raise HTTPException(403)
        return user

    def _case(self, transaction: Transaction, visit: Visit) -> DebtCase:
        task = tasks.find_task(transaction.tables, visit.request.path_params["task"])
        if task is not None and visit.user is not None and ROLE not in visit.user.roles:
            raise tasks.OthersTaskError(task, 403)
        self._user(transaction, visit)
        if task is not None and task.kind != DEBT:
            raise tasks.OthersTaskError(task)
        if task is None:
            raise HTTPException(404)
        mine = task.state == "taken" and task.staff_id == visit.user_id
        engaged = debts.agents(transaction)
        preview = (
            debts.preview(transaction, task.person_id, engaged[0]) if mine and engaged else None
        )
        return DebtCase(
            task,
            mine,
            list(due_numbers(transaction, task.person_id)),
            engaged,
            preview,
            debts.of_person(transaction, task.person_id),
        )

    async def list_page(self, visit: Visit) -> Response:
        """The accounts that agents have or had, and what they still have to confirm."""

        def look(transaction: Transaction) -> tuple[list[tasks.Task], tuple[list[Debt], set[str]]]:
            self._user(transaction, visit)
            queue = [t for t in tasks.task_queue(transaction.tables, [ROLE]) if t.kind == DEBT]
            return queue, debts.all_debts(transaction)

        queue, (all_debts, changed) = await self.provider.do(look)
        return self.provider.pages.page(
            visit.request,
            "billing/debts.html",
            waiting=queue,
            debts=all_debts,
            me=visit.user_id,
            now=self.provider.now(),
            changed=sorted(changed),
        )

    async def show(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """One debt: what an agent would be told, and what they would not."""
        case = await self.provider.do(lambda transaction: self._case(transaction, visit))
        fields = self._fields(case)
        return self.provider.pages.page(
            visit.request,
            "billing/debt.html",
            status=status,
            case=case,
            fields=fields,
            filled=filled,
            now=self.provider.now(),
            label=self._labels,
            clauses=cited_clauses(self.provider, case.preview.decision if case.preview else None),
        )

    def _fields(self, case: DebtCase) -> tuple[Field, ...]:
        agents = [(word, company_name(word)) for word in case.agents]
        return (Field("party", "Agent", "select", options=agents),)

    async def take(self, visit: Visit) -> Response:
        """Take the task: from now on what is needed for it may be seen."""

        def work(transaction: Transaction) -> None:
            case = self._case(transaction, visit)
            tasks.take(transaction, case.task.task_id, visit.user_id, debts.FIELDS)

        try:
            await self.provider.do(work)
        except tasks.TaskError as error:
            return await self.show(visit, EMPTY.wrong("task", error.in_sentences()), 409)
        return RedirectResponse(self._here(visit), 303)

    async def hand_over(self, visit: Visit) -> Response:
        """Hand the account to an agent."""

        def work(transaction: Transaction) -> Filled | str | Refused:
            case = self._case(transaction, visit)
            if not case.mine:
                raise HTTPException(403)
            filled = read(self._fields(case), visit.form)
            if not filled.ok:
                return filled
            party, person_id = filled.values["party"], case.task.person_id
            transaction.lock(person_id)
            shared = debts.preview(transaction, person_id, party)
            if shared.decision.allowed and debts.current_debt(transaction, person_id) is None:
                amounts = amount_owed(transaction, case.task, visit.user_id)
                question = hand_over_confirmation(case.task, party, shared, self._labels, amounts)
                require_confirmation(self.provider, transaction.tables, visit, question)
            try:
                return debts.hand_over(transaction, case.task, party)
            except DebtError as error:
                return filled.wrong("party", error.in_sentences())

        result = await self.provider.attempt(work)
        if isinstance(result, Filled):
            return await self.show(visit, result, 422)
        if isinstance(result, Refused):
            return refusal(
                self.provider,
                visit.request,
                result,
                "This account may not be handed to an agent now.",
                "Look again at what is due and who is engaged.",
                self._here(visit),
            )
        here = self._here(visit)
        banner = Banner("You handed this account over.", short_reference(result), f"{here}/recall")
        return redirect_with_banner(self.provider, visit.session, here, banner)

    def _question(self, transaction: Transaction, visit: Visit) -> Confirmation | None:
        """What is asked before the account is taken back; None where no agent has it."""
        case = self._case(transaction, visit)
        if not case.mine:
            raise HTTPException(403)
        transaction.lock(case.task.person_id)
        debt = debts.current_debt(transaction, case.task.person_id)
        return None if debt is None else recall_confirmation(case.task, debt)

    async def ask_recall(self, visit: Visit) -> Response:
        """What it means to take the account back, before it is."""
        question = await self.provider.do(lambda transaction: self._question(transaction, visit))
        if question is None:
            return RedirectResponse(self._here(visit), 303)
        return confirmation_page(self.provider, visit.request, visit.session, question)

    async def recall(self, visit: Visit) -> Response:
        """Take the account back, once that was confirmed."""

        def work(transaction: Transaction) -> Debt | None:
            question = self._question(transaction, visit)
            if question is None:
                return None
            require_confirmation(self.provider, transaction.tables, visit, question)
            person_id = self._case(transaction, visit).task.person_id
            debt = debts.current_debt(transaction, person_id)
            debts.recall(transaction, person_id, f"staff {visit.user_id}")
            return debt

        debt, here = await self.provider.do(work), self._here(visit)
        if debt is None:
            return RedirectResponse(here, 303)
        text = f"You recalled this account from {company_name(debt.party)}."
        banner = Banner(text, short_reference(debt.debt_id), here)
        return redirect_with_banner(self.provider, visit.session, here, banner)

    def _here(self, visit: Visit) -> str:
        return f"/staff/debts/{visit.request.path_params['task']}"

    async def agent(self, visit: Visit) -> Response:
        """The accounts that an agent's company has, each read at this moment."""

        def look(transaction: Transaction) -> tuple[User, list[object], list[Debt], bool]:
            user = self._user(transaction, visit)
            is_engaged = user.party in parties.in_role(transaction, debts.AGENT)
            has = [
                (debt, None if isinstance(result, Refused) else result)
                for debt, result in debts.view_debts(transaction, user.party)
            ]
            deletions = [
                d for d in debts.of_party(transaction, user.party) if d.state == "recalled"
            ]
            return user, list(has), deletions, is_engaged or bool(has or deletions)

        user, has, deletions, collects = await self.provider.do(look)
        return self.provider.pages.page(
            visit.request,
            "billing/agent.html",
            user=user,
            has=has,
            owed=deletions,
            collects=collects,
            now=self.provider.now(),
            shown=field_values.display_value,
        )

    async def confirm(self, visit: Visit) -> Response:
        """Confirm that what we told was deleted."""
        debt_id = visit.request.path_params["debt"]

        def work(transaction: Transaction) -> None:
            user = self._user(transaction, visit)
            debts.confirm(transaction, user.party, debt_id, user.user_id)

        try:
            await self.provider.do(work)
        except DebtError:
            raise HTTPException(404) from None
        return RedirectResponse("/agent", 303)

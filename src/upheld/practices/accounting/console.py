"""The accounting of disclosures at the privacy desk: for a company, a clause, some months.

That of one customer is shown to whoever took a request of theirs, and is entered, so that they can
read who looked. Anything else names nobody: a row is an entry, with its clause and its record.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.core.company_names import company_name
from upheld.core.ids import EntryNumber, PersonId, TaskId
from upheld.gate.log.database_log import LogError
from upheld.gate.log.receipts import receipt_by_number
from upheld.gate.public import write_receipt
from upheld.gate.transaction import Transaction
from upheld.policy.vocabulary import TREE_OF
from upheld.practice import accounting, operators, parties, tasks
from upheld.practice.accounting import DisclosureLine, DisclosureQuery
from upheld.practice.citations import VERSIONS
from upheld.practice.consequences import short_reference
from upheld.practice.endpoints import Visit
from upheld.practice.labels import label_of_customers
from upheld.practice.operators import User
from upheld.practice.plugin import Provider
from upheld.practice.sheets import sheet
from upheld.practices.accounting.period import Period
from upheld.web import kit

HERE: Final = "/staff/accounting"
ROLE: Final = "privacy"
PURPOSE: Final = "rights-request"
SEEN: Final = "accounting.seen"  # a kind of entries
ROWS_MAX: Final = 200  # on the page; the file has all
CSV: Final = "text/csv; charset=utf-8"


class RowView(NamedTuple):
    """A disclosure as a page shows it."""

    row: DisclosureLine
    who: str
    data: list[str]
    purpose: str
    clauses: list[tuple[str, str]]  # what it is called, and where it stands
    records: list[str]
    outcome: str


class AccountingView(NamedTuple):
    """What the page needs: the rows, and what may be chosen."""

    rows: list[DisclosureLine]
    parties: list[tuple[str, str]]
    tasks: list[tuple[str, str]]


class RowWords:
    """Words for disclosures, by the policy in force and the versions that decided them."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def view(self, row: DisclosureLine) -> RowView:
        """A disclosure in words."""
        entry = row.entry
        gate = self.provider.gate.gate
        number = gate.edition_number(entry.policy)
        earlier = number and entry.policy != gate.policy.digest
        page = f"{VERSIONS}/{number}" if earlier else "/privacy"
        role = self.label("source", row.role)
        return RowView(
            row,
            f"{company_name(row.party)}: {role}" if row.party else role,
            [self.label("data", each) for each in entry.data],
            self.label("purpose", entry.purpose) if entry.purpose else "",
            [(each.replace("-", " "), f"{page}#{each}") for each in entry.clauses],
            [short_reference(each) for each in row.records],
            _outcome(row),
        )

    def label(self, dimension: str, word: str) -> str:
        """What people call a word, told of customers."""
        return label_of_customers(self.provider.policy, TREE_OF[dimension], word)


def _outcome(row: DisclosureLine) -> str:
    """What became of a disclosure."""
    if row.entry.action == accounting.LOOK:
        return "Looked at"
    waits = row.people - row.received - row.kept_back
    parts = [
        f"{text} {many:,}" if row.people > 1 else text
        for text, many in (
            ("received", row.received),
            ("kept back", row.kept_back),
            ("waits", waits),
        )
        if many > 0
    ]
    return ", ".join(parts).capitalize()


class AccountingConsole:
    """The page of the privacy desk, its file, and receipts."""

    def __init__(self, provider: Provider) -> None:
        self.provider, self.words = provider, RowWords(provider)

    async def show(self, visit: Visit) -> Response:
        """Who received what in some months, the latest first."""
        period, view = await self._look(visit)
        query = visit.request.query_params
        chosen = {name: query.get(name, "") for name in ("party", "clause", "task")}
        latest = view.rows[: -ROWS_MAX - 1 : -1]
        return self.provider.pages.page(
            visit.request,
            "accounting/console.html",
            rows=[self.words.view(each) for each in latest],
            many=len(view.rows),
            period=period,
            chosen=chosen,
            parties=view.parties,
            tasks=view.tasks,
            clauses=sorted({each.id for each in self.provider.policy.program.clauses if each.id}),
            file=period.address(f"{HERE}.csv", **chosen),
        )

    async def file(self, visit: Visit) -> Response:
        """All rows of the page as a CSV file whose cells no spreadsheet runs."""
        _, view = await self._look(visit)
        return csv_response(sheet(accounting.COLUMNS, accounting.table(view.rows)))

    async def receipt(self, visit: Visit) -> Response:
        """The receipt of a disclosure, which proves that its entry is in the log."""
        _officer(visit)
        number = EntryNumber(visit.request.path_params["number"])
        query = DisclosureQuery(number=number)
        rows = await self.provider.do(lambda t: accounting.disclosures(t, query))
        if not rows:
            raise HTTPException(404)
        try:
            proof = await self.provider.run_in_thread(
                receipt_by_number, self.provider.gate.gate, number
            )
        except LogError:
            return self.provider.pages.page(visit.request, "accounting/uncovered.html", status=409)
        name = f'attachment; filename="receipt-{number}.json"'
        headers = {"content-disposition": name, "cache-control": "no-store"}
        return Response(write_receipt(proof), media_type=kit.JSON, headers=headers)

    async def _look(self, visit: Visit) -> tuple[Period, AccountingView]:
        user = _officer(visit)
        clock, query = self.provider.clock, visit.request.query_params
        period = Period.read(query, clock.local(clock.now()))

        def work(transaction: Transaction) -> AccountingView:
            person_id = _person(transaction, user, TaskId(query.get("task", "")))
            rows = accounting.disclosures(
                transaction,
                DisclosureQuery(
                    person_id,
                    query.get("party", ""),
                    query.get("clause", ""),
                    period.since,
                    period.until,
                ),
            )
            if person_id is not None:
                actor = f"staff {user.user_id}"
                transaction.note(person_id, SEEN, actor=actor, purpose=PURPOSE)
            names = {each.party: each.name for each in parties.roles(transaction)}
            return AccountingView(
                rows,
                sorted(names.items(), key=lambda each: each[1].casefold()),
                [
                    (each.task_id, f"{each.kind} {short_reference(each.task_id)}")
                    for each in tasks.tasks_of_staff(transaction.tables, user.user_id)
                    if _is_of_desk(each, user)
                ],
            )

        return period, await self.provider.do(work)


def _is_of_desk(task: tasks.Task, user: User) -> bool:
    """Whether a task is a customer's request that this member of staff took."""
    return (task.state, task.staff_id, task.purpose) == ("taken", user.user_id, PURPOSE)


def _person(transaction: Transaction, user: User, task_id: TaskId) -> PersonId | None:
    """The customer whose request it is; None where none is named. 404 for a task of others'."""
    if not task_id:
        return None
    task = tasks.find_task(transaction.tables, task_id)
    if (
        task is None
        or not _is_of_desk(task, user)
        or operators.is_left_to_others(transaction.tables, user.user_id, task.person_id)
    ):
        raise HTTPException(404)
    return task.person_id


def _officer(visit: Visit) -> User:
    """Whoever works at the privacy desk; 403 for everybody else."""
    if visit.user is None or ROLE not in visit.user.roles:
        raise HTTPException(403)
    return visit.user


def csv_response(text: str) -> Response:
    """A file of an accounting, which nobody keeps on the way."""
    headers = {
        "cache-control": "no-store",
        "content-disposition": 'attachment; filename="accounting.csv"',
    }
    return Response(text.encode(), 200, headers, CSV)

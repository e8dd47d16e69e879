"""Extracts at the desk: analysts ask and read rows, managers decide; nothing by row leaves it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from upheld.core.ids import ExtractId, UserId
from upheld.core.reason_text import reason_text
from upheld.gate.transaction import Transaction
from upheld.practice import amounts
from upheld.practice.citations import quote_clauses
from upheld.practice.consequences import Banner, redirect_with_banner, short_reference
from upheld.practice.endpoints import Visit
from upheld.practice.operators import MANAGER
from upheld.practice.plugin import PendingAction, Provider
from upheld.practices.extracts import cells, crosstabs, extracts
from upheld.practices.extracts.cells import COLUMNS
from upheld.practices.extracts.extracts import Extract, ExtractError, ExtractWish
from upheld.web.forms import EMPTY, Field, Filled, read
from upheld.web.kit import HEADLESS
from upheld.web.pages import KEEP_OUT

HERE: Final = "/staff/extracts"
ANALYST: Final = "analyst"
ROLES: Final = (MANAGER, ANALYST)
CLAUSES: Final = ("improving", "reports")
STATES: Final = {
    extracts.WAITING: "It waits for a yes",
    extracts.REFUSED: "It was refused",
    extracts.GATHERING: "Its people are being gathered",
    extracts.OPEN: "It is open",
    extracts.ENDED: "It has ended",
}
VERDICT: Final = (
    Field(
        "verdict", "Your answer", "select", options=[("approve", "Approve"), ("refuse", "Refuse")]
    ),
    Field(
        "reason",
        "Reason",
        required=False,
        length_max=extracts.REASON_MAX,
        check=reason_text,
        hint="A no needs one; whoever asked reads it.",
    ),
)
PAGE_DIGITS_MAX: Final = 6


class ExtractPages:
    """The pages of analysts and managers."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """The extracts there are, and the form to ask for one."""
        _require_role(visit, *ROLES)
        rows = await self.provider.read(extracts.every)
        return self.provider.pages.page(
            visit.request,
            "extracts/list.html",
            status=status,
            rows=rows,
            states=STATES,
            purposes=extracts.PURPOSES,
            labels={word: its.label for word, its in COLUMNS.items()},
            fields=self._fields(),
            filled=filled,
            choices={w: extracts.choices(self.provider.policy, w) for w in extracts.PURPOSES},
            quotes=quote_clauses(self.provider.policy, CLAUSES),
        )

    async def ask(self, visit: Visit) -> Response:
        """Ask for an extract; somebody else decides."""
        user_id, filled = _require_role(visit, *ROLES), read(self._fields(), visit.form)
        if not filled.ok:
            return await self.show(visit, filled, 422)
        wish = _wish_of(filled.values)
        try:
            its = await self.provider.do(lambda t: extracts.ask(t, wish, user_id))
        except ExtractError as error:
            return await self.show(visit, filled.wrong("columns", error.in_sentences()), 422)
        return self._back(visit, its, "It waits for a yes of somebody else.")

    async def show_one(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """One extract: what it is of and for, how it stands, and what is to be done."""
        user_id = _require_role(visit, *ROLES)

        def look(transaction: Transaction) -> dict[str, Any]:
            its = _one(transaction, visit)
            return {"its": its, "people": extracts.size(transaction.tables, its)}

        words = await self.provider.do(look)
        its: Extract = words["its"]
        roles = visit.user.roles if visit.user else ()
        return self.provider.pages.page(
            visit.request,
            "extracts/extract.html",
            status=status,
            states=STATES,
            purposes=extracts.PURPOSES,
            heads=cells.headings(its.wish.columns, its.wish.month_words),
            is_open=its.is_open(self.provider.now()),
            may_read=ANALYST in roles,
            may_decide=its.state == extracts.WAITING and MANAGER in roles,
            is_mine=its.asked_by == user_id,
            fields=VERDICT,
            filled=filled,
            quotes=quote_clauses(self.provider.policy, CLAUSES),
            **words,
        )

    async def decide(self, visit: Visit) -> Response:
        """Say yes or no to what somebody else asked for."""
        user_id, filled = _require_role(visit, MANAGER), read(VERDICT, visit.form)
        extract_id = await self._extract_id(visit)
        if not filled.ok:
            return await self.show_one(visit, filled, 422)

        def work(transaction: Transaction) -> Extract:
            if filled.values["verdict"] == "approve":
                return extracts.approve(transaction, extract_id, user_id)
            reason = filled.values.get("reason", "")
            return extracts.refuse(transaction, extract_id, user_id, reason=reason)

        try:
            its = await self.provider.do(work)
        except ExtractError as error:
            return await self.show_one(visit, filled.wrong("verdict", error.in_sentences()), 409)
        if its.state == extracts.GATHERING:
            gate = self.provider.gate.gate
            its = await self.provider.run_in_thread(extracts.gather, gate, its.extract_id)
        return self._back(visit, its, f"{STATES[its.state]}.")

    async def end(self, visit: Visit) -> Response:
        """End an extract before its time."""
        user_id = _require_role(visit, *ROLES)
        extract_id = await self._extract_id(visit)
        try:
            its = await self.provider.do(
                lambda t: extracts.end(t, extract_id, "It was ended at the desk.", user_id)
            )
        except ExtractError as error:
            return await self.show_one(visit, EMPTY.wrong("verdict", error.in_sentences()), 409)
        return self._back(
            visit, its, "It has ended. Nobody can tell any more whose a pseudonym was."
        )

    async def rows(self, visit: Visit) -> Response:
        """Some rows, for analysts alone."""
        user_id = _require_role(visit, ANALYST)
        extract_id = await self._extract_id(visit)
        if HEADLESS in visit.request.scope:  # nobody reads a row
            return Response(headers=KEEP_OUT)
        text = visit.request.query_params.get("page", "1")
        is_number = text.isascii() and text.isdecimal() and len(text) <= PAGE_DIGITS_MAX
        page = int(text) if is_number else 1
        try:
            its, answer = await self.provider.do(
                lambda t: (
                    extracts.require(t.tables, extract_id),
                    extracts.open_rows(t, extract_id, page, user_id),
                )
            )
        except ExtractError:
            return RedirectResponse(f"{HERE}/{extract_id}", 303)
        return self.provider.pages.page(
            visit.request,
            "extracts/rows.html",
            its=its,
            heads=cells.headings(its.wish.columns, its.wish.month_words),
            rows=answer.rows,
            number=min(max(page, 1), answer.pages),
            pages=answer.pages,
        )

    async def counts(self, visit: Visit) -> Response:
        """How many are in which two bands, for analysts alone: none is counted until they chose."""
        user_id = _require_role(visit, ANALYST)
        extract_id = await self._extract_id(visit)
        if HEADLESS in visit.request.scope:  # nobody reads a count
            return Response(headers=KEEP_OUT)
        its = await self.provider.read(lambda tables: extracts.require(tables, extract_id))
        if not its.is_open(self.provider.now()):
            return RedirectResponse(f"{HERE}/{extract_id}", 303)
        heads = cells.headings(its.wish.columns, its.wish.month_words)
        fields, table = _heading_fields(heads), None
        query = {each.name: visit.request.query_params.get(each.name, "") for each in fields}
        filled = read(fields, query) if any(query.values()) else EMPTY
        if filled.values and filled.ok:
            places = [int(filled.values[each.name]) for each in fields]
            gate = self.provider.gate.gate
            try:
                table = await self.provider.run_in_thread(
                    crosstabs.crosstab, gate, extract_id, *places, user_id
                )
            except ExtractError as error:
                filled = filled.wrong("across", error.in_sentences())
            if table is None and filled.ok:  # too few were left, and it has ended
                return RedirectResponse(f"{HERE}/{extract_id}", 303)
        return self.provider.pages.page(
            visit.request,
            "extracts/counts.html",
            status=200 if filled.ok else 422,
            its=its,
            heads=heads,
            fields=fields,
            filled=filled,
            table=table,
        )

    def waiting(self, tables: Any) -> list[PendingAction]:
        """What waits for a manager's yes."""
        if any(each.state == extracts.WAITING for each in extracts.every(tables)):
            return [PendingAction("An extract waits for a yes.", "Look at it", HERE)]
        return []

    def _back(self, visit: Visit, its: Extract, sentence: str) -> Response:
        banner = Banner(sentence, short_reference(its.extract_id))
        path = f"{HERE}/{its.extract_id}"
        return redirect_with_banner(self.provider, visit.session, path, banner)

    async def _extract_id(self, visit: Visit) -> ExtractId:
        its = await self.provider.do(lambda transaction: _one(transaction, visit))
        return its.extract_id

    def _fields(self) -> tuple[Field, ...]:
        """The form, with what the policy lets rows say for some purpose."""
        days = [(str(each), f"{each} days") for each in extracts.DAYS]
        policy = self.provider.policy
        words = {each: extracts.choices(policy, each) for each in extracts.PURPOSES}
        some = {word for each in words.values() for word in each}
        return (
            Field(
                "purpose",
                "For",
                "select",
                options=[(w, title) for w, title in extracts.PURPOSES.items() if words[w]],
            ),
            Field(
                "columns",
                "What a row says",
                "checks",
                options=[(word, its.label) for word, its in COLUMNS.items() if word in some],
                length_max=500,
                hint="In bands; nobody’s exact values.",
            ),
            Field(
                "month",
                "First month",
                "select",
                required=False,
                options=amounts.month_choices(self.provider.today()),
                hint="Of what was used or charged; leave it out otherwise.",
            ),
            Field(
                "months",
                "How many months",
                "select",
                options=[(str(each), str(each)) for each in extracts.MONTHS],
            ),
            Field(
                "one_in",
                "How many people",
                "select",
                options=[
                    (str(each), f"One in {each}, drawn by chance" if each > 1 else "Everybody")
                    for each in extracts.ONE_IN
                ],
                hint="No more than you need.",
            ),
            Field("days", "For how long", "select", options=days),
            Field(
                "reason",
                "What you want to find out",
                "textarea",
                length_max=extracts.REASON_MAX,
                check=reason_text,
                hint="Whoever decides reads it. Name nobody.",
            ),
        )


def _heading_fields(heads: Sequence[str]) -> tuple[Field, ...]:
    """Which heading a crosstab has a line for each band of, and which one a column."""
    options = [(str(at), head) for at, head in enumerate(heads)]
    names = {"down": "Lines", "across": "Columns"}
    return tuple(Field(name, names[name], "select", options=options) for name in names)


def _wish_of(values: dict[str, str]) -> ExtractWish:
    return ExtractWish(
        values["purpose"],
        tuple(each for each in COLUMNS if each in values["columns"].split(", ")),
        values.get("month", ""),
        int(values["months"]),
        int(values["one_in"]),
        int(values["days"]),
        values["reason"],
    )


def _require_role(visit: Visit, *roles: str) -> UserId:
    """Whoever visits; 403 unless they have one of some roles."""
    if visit.user is None or not {*visit.user.roles} & {*roles}:
        raise HTTPException(403)
    return visit.user.user_id


def _one(transaction: Transaction, visit: Visit) -> Extract:
    its = extracts.find(transaction.tables, ExtractId(visit.request.path_params["extract"]))
    if its is None:
        raise HTTPException(404)
    return its

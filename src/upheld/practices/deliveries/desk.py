"""Deliveries at the desk: managers fetch what waits, confirm that it arrived, or keep it back.

Nothing of anybody is shown: a delivery is a company, a purpose, kinds of data and a number of
people. A file is encrypted to the company before it leaves the program, so that who fetches it
cannot read it.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from upheld.core.company_names import company_name
from upheld.database.own_tables import Tables
from upheld.gate.transaction import Transaction
from upheld.practice import deliveries, party_keys
from upheld.practice.consequences import (
    Banner,
    Confirmation,
    redirect_with_banner,
    require_confirmation,
    short_reference,
)
from upheld.practice.deliveries import Content, DeliveryError, PartyDelivery
from upheld.practice.endpoints import Visit
from upheld.practice.labels import label_of_customers
from upheld.practice.operators import MANAGER
from upheld.practice.plugin import PendingAction, Provider
from upheld.practice.tables import delivery as table
from upheld.web.forms import EMPTY, Filled

HERE: Final = "/staff/deliveries"
AGE: Final = "application/octet-stream"


class DeliveryDesk:
    """The pages of deliveries, and what the console says of them."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def waiting(self, tables: Tables) -> list[PendingAction]:
        """What managers are told on the console: files that wait to be fetched."""
        where = f"state = '{deliveries.WAITING}' AND channel = '{deliveries.FILE}'"
        ((many,),) = tables.select_unchecked(table, ["COUNT(*)"], where)
        subject = "1 file waits" if many == 1 else f"{many} files wait"
        sentence = f"{subject} to be delivered to a company."
        return [PendingAction(sentence, "See the deliveries", HERE)] if many else []

    def _label(self, tree: str, word: str) -> str:
        return label_of_customers(self.provider.policy, tree, word)

    def _words(self, each: PartyDelivery) -> dict[str, Any]:
        """A delivery as its pages tell it."""
        return {
            "delivery": each,
            "name": company_name(each.party),
            "role": self._label("party", each.recipient),
            "purpose": self._label("purpose", each.purpose),
            "data": [self._label("data", field) for field in each.fields],
            "reference": short_reference(each.delivery_id),
        }

    async def show(self, visit: Visit) -> Response:
        """The latest deliveries, with how many people each is about."""
        _manager(visit)

        def look(tables: Tables) -> list[dict[str, Any]]:
            latest = deliveries.latest(tables)
            counts = deliveries.counts(tables, [each.delivery_id for each in latest])
            return [{**self._words(each), "counts": counts[each.delivery_id]} for each in latest]

        rows = await self.provider.read(look)
        return self.provider.pages.page(visit.request, "deliveries/list.html", rows=rows)

    async def show_one(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """One delivery: what goes to whom by which clause, and what can be done with it."""
        _manager(visit)

        def look(tables: Tables) -> dict[str, Any]:
            each = _one(tables, visit)
            return {
                **self._words(each),
                "counts": deliveries.counts(tables, [each.delivery_id])[each.delivery_id],
                "has_key": bool(party_keys.find(tables, each.party)),
            }

        words = await self.provider.read(look)
        return self.provider.pages.page(
            visit.request, "deliveries/one.html", status=status, filled=filled, **words
        )

    async def fetch(self, visit: Visit) -> Response:
        """Give the encrypted file out; it is shown as waiting until somebody confirms it."""
        _manager(visit)

        def work(transaction: Transaction) -> tuple[Content, str]:
            each = _one(transaction.tables, visit)
            if each.channel != deliveries.FILE:
                raise HTTPException(404)
            content = deliveries.hand_out(transaction, each.delivery_id)
            return content, party_keys.find(transaction.tables, each.party)

        try:
            content, key = await self.provider.do(work)
        except DeliveryError as error:
            return await self.show_one(visit, EMPTY.wrong("file", error.in_sentences()), 409)
        its = content.delivery
        if not content.people:
            return RedirectResponse(f"{HERE}/{its.delivery_id}", 303)
        file = await self.provider.run_in_thread(party_keys.encrypt, key, content.lines)
        name = f"{its.delivery_id}{party_keys.SUFFIX}"
        return Response(
            file,
            media_type=AGE,
            headers={
                "content-disposition": f'attachment; filename="{name}"',
                "cache-control": "no-store",
            },
        )

    async def confirm(self, visit: Visit) -> Response:
        """Note that the company has the file."""
        actor = _manager(visit)

        def work(transaction: Transaction) -> PartyDelivery:
            each = _one(transaction.tables, visit)
            return deliveries.confirm(transaction, each.delivery_id, actor=actor)

        try:
            its = await self.provider.do(work)
        except DeliveryError as error:
            return await self.show_one(visit, EMPTY.wrong("done", error.in_sentences()), 409)
        text = f"{company_name(its.party)} has it: this delivery is done."
        banner = Banner(text, short_reference(its.delivery_id))
        path = f"{HERE}/{its.delivery_id}"
        return redirect_with_banner(self.provider, visit.session, path, banner)

    async def recall(self, visit: Visit) -> Response:
        """Keep a delivery back, once that was confirmed."""
        actor = _manager(visit)

        def work(transaction: Transaction) -> PartyDelivery:
            each = _one(transaction.tables, visit)
            if each.state == deliveries.WAITING:
                question = _recall_confirmation(each)
                require_confirmation(self.provider, transaction.tables, visit, question)
            return deliveries.recall_delivery(transaction, each.delivery_id, actor=actor)

        try:
            its = await self.provider.do(work)
        except DeliveryError as error:
            return await self.show_one(visit, EMPTY.wrong("recall", error.in_sentences()), 409)
        path = f"{HERE}/{its.delivery_id}"
        banner = Banner("This delivery stays with us.", short_reference(its.delivery_id))
        return redirect_with_banner(self.provider, visit.session, path, banner)


def _recall_confirmation(each: PartyDelivery) -> Confirmation:
    """What it means that a delivery is kept back."""
    path = f"{HERE}/{each.delivery_id}"
    consequences = [
        f"Nothing of it goes to {company_name(each.party)} any more.",
        "What we held ready for it is deleted.",
        "Each customer whom it is about can read that it was kept back.",
    ]
    if each.handed is not None:
        consequences.append(
            "It was given out as a file before. If the company has that file, confirm the"
            " delivery instead."
        )
    return Confirmation(
        f"Keep this delivery to {company_name(each.party)} back?",
        consequences,
        f"{path}/recall",
        "Keep it back",
        path,
        grave=True,
    )


def _manager(visit: Visit) -> str:
    """Whoever manages, as an entry names them; 403 for everybody else."""
    if visit.user is None or MANAGER not in visit.user.roles:
        raise HTTPException(403)
    return f"staff {visit.user.user_id}"


def _one(tables: Tables, visit: Visit) -> PartyDelivery:
    """The delivery that a page's address names; 404 where there is none."""
    try:
        return deliveries.find(tables, visit.request.path_params["delivery"])
    except DeliveryError:
        raise HTTPException(404) from None

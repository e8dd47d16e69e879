"""The pages of requests: see how far they are, get a copy, correct, erase."""

from __future__ import annotations

from functools import partial
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from upheld.gate.act.request import Refused
from upheld.gate.erasure.erase import certificates_for
from upheld.gate.transaction import Transaction
from upheld.practice import recipient_requests, threads
from upheld.practice.consequences import (
    Banner,
    confirmation_page,
    redirect_with_banner,
    require_confirmation,
    short_reference,
)
from upheld.practice.endpoints import Visit
from upheld.practice.form_values import with_check
from upheld.practice.message_copies import MessageCopy
from upheld.practice.plugin import Provider
from upheld.practice.reasons import refusal_reason
from upheld.practices.rights import (
    automatic,
    case_work,
    corrections,
    erasure,
    objections,
    requests,
)
from upheld.practices.rights.confirmations import erase_confirmation
from upheld.practices.rights.corrections import Correctable
from upheld.practices.rights.export import DataExport, gather, pieces
from upheld.practices.rights.inventory import with_derived
from upheld.practices.rights.pages import policy_of, refusal_page
from upheld.practices.rights.requests import PAGE, RightsRequest
from upheld.practices.rights.sentences import clauses_in_force, label
from upheld.web import kit
from upheld.web.forms import EMPTY, LONG, Field, Filled, read

REPLY: Final = Field("text", "Your reply", "textarea", length_max=LONG)
ABOUT_ERASURE: Final = REPLY._replace(
    label="Write to us about it",
    hint="Somebody of our staff answers you here. Writing does not stop the erasure: take the"
    " request back for that.",
)


class RequestPages:
    """Requests, and what answers them."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, visit: Visit) -> Response:
        """What can be asked for, and every request with its state."""
        own_requests = await self.provider.read(
            lambda tables: requests.requests_of(tables, visit.subject)
        )
        return self.provider.pages.page(
            visit.request,
            "rights/requests.html",
            asks=own_requests,
            labels=requests.STATE_LABELS,
            title_of=partial(requests.title_of, policy_of(self.provider)),
            objects=bool(objections.purposes(policy_of(self.provider))),
            cited=clauses_in_force(
                policy_of(self.provider), ["access", "correction", "objection", "erasure"]
            ),
        )

    async def show_one(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """One request: how far it is, what was written on both sides, and a form to reply."""
        request_id = visit.request.path_params["request"]

        def look(
            transaction: Transaction,
        ) -> tuple[RightsRequest | None, list[MessageCopy], Refused | None, bool]:
            request = requests.find_request(transaction.tables, visit.subject, request_id)
            if request is None:
                return None, [], None, False
            takes_in = threads.may_write(transaction, visit.subject, case_work.PURPOSE)
            if not request.task_id:
                return request, [], None, takes_in
            letters = threads.read_as_customer(transaction, visit.subject, request_id)
            if isinstance(letters, Refused):
                return request, [], letters, takes_in
            return request, letters, None, takes_in

        request, letters, refusal, takes_in = await self.provider.do(look)
        if request is None:
            raise HTTPException(404)
        field = _reply_to(request)
        return self.provider.pages.page(
            visit.request,
            "rights/request.html",
            status=status,
            asked=request,
            title=requests.title_of(policy_of(self.provider), request),
            state=requests.STATE_LABELS[request.state],
            letters=letters,
            refused=refusal and refusal_reason(policy_of(self.provider), refusal.decision),
            fields=(field,) if field and (takes_in or field is REPLY) else (),
            is_closed_to_text=field is ABOUT_ERASURE and not takes_in,
            begins=automatic.begins_at(request),
            filled=filled,
        )

    async def reply(self, visit: Visit) -> Response:
        """Write to whoever of our staff works on a request."""
        request_id, filled = visit.request.path_params["request"], read((REPLY,), visit.form)

        def add(transaction: Transaction, request: RightsRequest, text: str) -> object:
            if request.kind == erasure.KIND:
                return erasure.write(self.provider, transaction, request, text)
            subject = f"Your reply: {request.title}"
            return case_work.add_text(self.provider, transaction, request, subject, text)

        def work(transaction: Transaction) -> Filled | object:
            transaction.lock(visit.subject)
            request = requests.find_request(transaction.tables, visit.subject, request_id)
            if request is None or not _reply_to(request):
                raise HTTPException(404)
            if not filled.ok:
                return filled
            if threads.writes_too_often(self.provider, transaction, visit.subject):
                return filled.wrong(REPLY.name, threads.TOO_MANY)
            return add(transaction, request, filled.values[REPLY.name])

        result = await self.provider.attempt(work)
        if isinstance(result, Filled):
            return await self.show_one(visit, result, 422)
        if isinstance(result, Refused):
            return refusal_page(self.provider, visit.request, "take in your reply", result)
        return RedirectResponse(f"{PAGE}/{request_id}", 303)

    async def status(self, visit: Visit) -> Response:
        """A request as the Data Rights Protocol tells its status."""
        request_id = visit.request.path_params["request"]
        request = await self.provider.read(
            lambda tables: requests.find_request(tables, visit.subject, request_id)
        )
        if request is None:
            raise HTTPException(404)
        return Response(
            kit.dumped(request.status()), media_type=kit.JSON, headers={"cache-control": "no-store"}
        )

    async def revoke(self, visit: Visit) -> Response:
        """Take a request back that is not answered yet."""
        request_id = visit.request.path_params["request"]

        def work(transaction: Transaction) -> RightsRequest | None:
            transaction.lock(visit.subject)  # whoever answers it waits
            request = requests.find_request(transaction.tables, visit.subject, request_id)
            if request is not None and request.waits:
                if request.kind == objections.KIND:
                    objections.take_back(transaction, visit.subject, request.about)
                else:
                    requests.revoke(transaction, request)
            return request

        request = await self.provider.do(work)
        if request is None:
            raise HTTPException(404)
        if not request.waits:  # it was taken back or answered before
            return RedirectResponse(PAGE, 303)
        banner = Banner(
            f"You took this request back: {request.title}.",
            short_reference(request_id),
            "/me/privacy/erase" if request.kind == "erasure" and not request.about else "",
        )
        return redirect_with_banner(self.provider, visit.session, PAGE, banner)

    async def export(self, visit: Visit) -> Response:
        """What a copy holds, before it is made."""
        return self.provider.pages.page(
            visit.request, "rights/export.html", cited=self._clauses("access")
        )

    async def download(self, visit: Visit) -> Response:
        """Make the copy, and send it piece by piece."""
        result = await with_derived(
            self.provider, lambda transaction, derived: gather(transaction, visit.subject, derived)
        )
        if isinstance(result, Refused):
            return refusal_page(self.provider, visit.request, "give you a copy", result)
        return self._file_response(result)

    def _file_response(self, data: DataExport) -> Response:
        name = f"my-data-{data.at:%Y-%m-%d}.zip"
        return StreamingResponse(
            pieces(data, self.provider.pages.env, self.provider.gate.gate.policy_behind),
            media_type="application/zip",
            headers={
                "content-disposition": f'attachment; filename="{name}"',
                "cache-control": "no-store",
            },
        )

    async def correct(self, visit: Visit) -> Response:
        """What can be corrected, or the form of one kind of data."""
        fields = await self._correctable(visit)
        field = visit.request.query_params.get("field", "")
        if not field:
            return self.provider.pages.page(
                visit.request,
                "rights/correct.html",
                listed=fields,
                one=None,
                fields=(),
                filled=EMPTY,
                cited=self._clauses("correction"),
            )
        return await self._form(visit, _one(fields, field))

    async def _correctable(self, visit: Visit) -> list[Correctable]:
        pages = self.provider.change_pages
        return await self.provider.do(
            lambda transaction: corrections.correctable(transaction, visit.subject, pages)
        )

    def _clauses(self, clause: str) -> list[object]:
        return list(clauses_in_force(policy_of(self.provider), [clause]))

    async def _form(
        self, visit: Visit, one: Correctable, filled: Filled = EMPTY, status: int = 200
    ) -> Response:
        waiting = await self.provider.read(
            lambda tables: requests.find_waiting(tables, visit.subject, corrections.KIND, one.field)
        )
        return self.provider.pages.page(
            visit.request,
            "rights/correct.html",
            status=status,
            listed=(),
            one=one,
            waiting=None if one.alone else waiting,
            fields=one.form(),
            filled=filled,
            cited=self._clauses("correction"),
        )

    async def send(self, visit: Visit) -> Response:
        """Correct a value at once, or let somebody look into it."""
        one = _one(await self._correctable(visit), visit.request.query_params.get("field", ""))
        if one.page:
            return await self._form(visit, one, EMPTY, 403)
        fields = [
            with_check(self.provider, one.field, each) if each.name == "value" else each
            for each in one.form()
        ]
        filled = read(fields, visit.form)
        if not filled.ok:
            return await self._form(visit, one, filled, 422)
        value = one.statement(filled.values)

        def work(transaction: Transaction) -> Filled | RightsRequest | Refused:
            if one.alone:
                return corrections.correct(transaction, visit.subject, one.field, value)
            transaction.lock(visit.subject)
            too_often = threads.writes_too_often(self.provider, transaction, visit.subject)
            if too_often and requests.find_waiting(
                transaction.tables, visit.subject, corrections.KIND, one.field
            ):
                return filled.wrong(fields[-1].name, threads.TOO_MANY)
            return corrections.hand_over(
                self.provider, transaction, visit.subject, one.field, value
            )

        result = await self.provider.attempt(work)
        if isinstance(result, Filled):
            return await self._form(visit, one, result, 422)
        if isinstance(result, Refused):
            return refusal_page(self.provider, visit.request, f"change your {one.name}", result)
        address = f"{PAGE}/{result.request_id}"
        if one.alone:
            banner = Banner(f"Your {one.name} is changed.", short_reference(result.request_id))
            return redirect_with_banner(self.provider, visit.session, address, banner)
        return RedirectResponse(address if result.waits else PAGE, 303)

    async def erase(self, visit: Visit) -> Response:
        """What erasure means for me, before it is asked for."""
        outlook = await self.provider.do(
            lambda transaction: erasure.outlook(transaction, visit.subject)
        )
        if outlook.waits:
            return self.provider.pages.page(
                visit.request,
                "rights/erase.html",
                waits=outlook.waits,
                begins=automatic.begins_at(outlook.waits),
            )
        question = erase_confirmation(outlook)
        return confirmation_page(self.provider, visit.request, visit.session, question)

    async def ask_erasure(self, visit: Visit) -> Response:
        """Ask for erasure, once that was confirmed."""

        def work(transaction: Transaction) -> tuple[RightsRequest, str] | Refused:
            transaction.lock(visit.subject)
            outlook = erasure.outlook(transaction, visit.subject)
            question = erase_confirmation(outlook)
            require_confirmation(self.provider, transaction.tables, visit, question)
            return erasure.request(transaction, visit.subject)

        result = await self.provider.attempt(work)
        if isinstance(result, Refused):
            return refusal_page(
                self.provider, visit.request, "erase what we hold about you", result
            )
        request, raw = result
        visit.request.state.banner = Banner(
            "You asked us to erase everything.",
            short_reference(request.request_id),
            f"{PAGE}/{request.request_id}",
        )
        return self.provider.pages.page(
            visit.request,
            "rights/asked.html",
            asked=request,
            after=request.received + erasure.WAITS,
            address=f"{self.provider.settings.url}/erased/{raw}",
            raw=raw,
        )

    async def certificate(self, request: Request) -> Response:
        """How far an erasure is, and its certificate, for whoever has its address."""
        gate = self.provider.gate.gate
        raw = request.path_params["link"]
        whose = await self.provider.do(lambda transaction: erasure.whose(transaction, raw))
        if whose is None:
            raise HTTPException(404)
        sealed = await self.provider.run_in_thread(certificates_for, gate, whose)
        certificates = await self.provider.read(
            lambda tables: recipient_requests.answers_of(tables, sealed, whose, self.provider.now())
        )
        policy = policy_of(self.provider)
        words = {word: label(policy, "data", word) for each in certificates for word in each.erased}
        words |= {
            word: label(policy, "data", word)
            for each in certificates
            for answer in each.recipients
            for word in answer.data
        }
        words |= {
            w: label(policy, "data", w)
            for each in certificates
            for k in each.kept
            for w in (*k.data, *k.rows)
        }
        facts = {n: f.label or n for n, f in policy.program.vocabulary.facts.items()}
        return self.provider.pages.page(
            request, "rights/erased.html", certificates=certificates, words=words, facts=facts
        )


def _reply_to(request: RightsRequest) -> Field | None:
    """What a customer can write about a request that waits; None where nobody would read it."""
    if not request.waits:
        return None
    if request.kind == erasure.KIND and not request.about:
        return ABOUT_ERASURE
    return REPLY if request.task_id else None


def _one(fields: list[Correctable], field: str) -> Correctable:
    for each in fields:
        if each.field == field:
            return each
    raise HTTPException(404)

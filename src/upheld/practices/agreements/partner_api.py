"""What a partner's program asks: a token, and pages of what its agreement covers.

The token is for its secret, or for what it signs with its company's key. A request carries one of
these and no cookie, so it does nothing by anybody's browser; one that a page of somebody else's
sends is refused all the same. Answers are JSON; an error has a code, what is wrong, and what to do.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Awaitable, Callable
from datetime import date, datetime, time, timedelta
from typing import Final
from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from upheld.core.ids import ClientId, RequestId
from upheld.gate.transaction import Transaction
from upheld.policy.analyse.contains import PARTNER
from upheld.practice import accounting, parties
from upheld.practice.deliveries import DeliveryError
from upheld.practice.endpoints import network_of
from upheld.practice.plugin import Provider
from upheld.practices.agreements import (
    agreements,
    assertions,
    clients,
    news,
    pulls,
    recipients,
)
from upheld.practices.agreements.clients import PartnerClient
from upheld.practices.agreements.pulls import PullPage
from upheld.practices.agreements.terms import AgreementError
from upheld.web import kit
from upheld.web.limits import Rate

HERE: Final = "/api/partner"
BODY_MAX: Final = 16 * 1024
SECRETS: Final = Rate(10, 6)  # tries of a secret, of one network
REQUESTS: Final = Rate(60, 1)  # of one program
_HEADERS: Final = {"cache-control": "no-store"}
Form = dict[str, str]
Answer = Callable[[Request, Form], Awaitable[Response]]


class AnswerError(Exception):
    """An answer that ends a request."""

    def __init__(self, status: int, code: str, message: str, hint: str, wait: float = 0) -> None:
        super().__init__(message)
        self.status, self.wait = status, wait
        self.body = {"error": code, "error_description": message, "what_to_do": hint}


class PartnerApi:
    """The answers to partners' programs."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def endpoint(self, handler: Answer) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint that reads a form, refuses other pages' requests, and answers errors."""

        async def answer(request: Request) -> Response:
            try:
                _refuse_pages(request)
                return await handler(request, await _form(request))
            except AnswerError as error:
                headers = {**_HEADERS}
                if error.status == 401:
                    headers["www-authenticate"] = "Bearer"
                if error.wait:
                    headers["retry-after"] = str(int(error.wait) + 1)
                return json_answer(error.body, error.status, headers)
            except AgreementError as error:
                status = 409 if error.code == "pull-cursor" else 403
                body = {"error": error.code, "error_description": str(error)}
                return json_answer({**body, "what_to_do": error.hint}, status)

        return answer

    async def token(self, request: Request, form: Form) -> Response:
        """A token for a client's id and secret, or for what it signed with its company's key."""

        def work(transaction: Transaction) -> tuple[str, str] | float:
            wait = self.provider.limits.take(
                transaction.tables,
                SECRETS,
                "partner-secret",
                network_of(request),
                at=transaction.clock.now(),
            )
            if wait:
                return wait
            client = self._prove(transaction, request, form)
            if isinstance(client, str):
                return "", client
            return clients.issue(transaction, client), ""

        if form.get("grant_type", "") != "client_credentials":
            raise AnswerError(
                400,
                "unsupported_grant_type",
                "only client credentials are answered",
                "send grant_type=client_credentials",
            )
        _refuse_two_proofs(request, form)
        result = await self.provider.do(work)
        if isinstance(result, float | int):
            raise AnswerError(429, "slow_down", "too many tries", "try again later", result)
        token, why = result
        if why:
            raise AnswerError(
                401, "invalid_client", why, "check the id, and the secret or what is signed"
            )
        lasts = int(clients.TOKEN_LASTS.total_seconds())
        return json_answer({"access_token": token, "token_type": "Bearer", "expires_in": lasts})

    def _prove(self, transaction: Transaction, request: Request, form: Form) -> PartnerClient | str:
        """The program that asks for a token; why it is refused where it does not prove that."""
        if "client_assertion" in form:
            audience = self.audience("token")
            client = assertions.prove(transaction, form["client_assertion"], audience)
            named = form.get("client_id", "")
            if isinstance(client, str) or named in ("", client.client_id):
                return client
            return "`client_id` is not the program that signed"
        client_or_none = clients.check_secret(transaction.tables, *_credentials(request, form))
        return (
            client_or_none or "this is no program of a partner, or its company has registered a key"
        )

    def audience(self, endpoint: str) -> str:
        """For whom a program signs what it sends to an endpoint; empty where we have no address."""
        url = self.provider.settings.url
        return f"{url}{HERE}/{endpoint}" if url else ""

    async def agreements(self, request: Request, _: Form) -> Response:
        """The partner's agreements: how each stands, why, and what there is to know of it."""

        def work(transaction: Transaction) -> list[dict[str, object]]:
            client, tables = self.client(transaction, request), transaction.tables
            texts: dict[str, str] = {
                each.agreement.agreement_id: each.text
                for each in news.for_partner(tables, client.party, transaction.clock.now())
            }
            every = agreements.without_text(agreements.agreements(tables, client.party))
            return [{**each, "news": texts.get(str(each["agreement"]), "")} for each in every]

        return json_answer({"agreements": await self.provider.do(work)})

    async def begin(self, request: Request, form: Form) -> Response:
        """Begin a pull for a purpose."""
        purpose, fields = form.get("purpose", ""), form.get("fields", "").split()
        recipient = form.get("recipient", "")

        def work(transaction: Transaction) -> object:
            client = self.client(transaction, request)
            why = pulls.why_refused(transaction, client.party, purpose, fields, recipient)
            if why:
                return AnswerError(403, "agreement", why, "see the agreement on /partner")
            pull = pulls.begin(transaction, client.party, purpose, fields)
            return {"pull": pull.pull_id, "purpose": purpose, "fields": pull.fields, "page": 1}

        result = await self.provider.do(work)
        if isinstance(result, AnswerError):  # committed, since the refusal is an entry
            raise result
        return json_answer(result, 201)

    async def page(self, request: Request, form: Form) -> Response:
        """A page of a pull: the next one, or the last one once more."""
        number = form.get("page", "")
        pull_id = request.path_params["pull"]

        def work(transaction: Transaction) -> PullPage | AnswerError:
            client = self.client(transaction, request)
            pull = pulls.find(transaction, client.party, pull_id)
            if pull is None:
                return AnswerError(404, "pull", "there is no such pull", "begin one")
            if not number.isdecimal() or len(number) > 9:
                return AnswerError(422, "page", "a page has a number", "send page=1")
            why = pulls.why_refused(transaction, client.party, pull.purpose, pull.fields)
            if why:
                return AnswerError(403, "agreement", why, "see the agreement on /partner")
            return pulls.give(transaction, pull, int(number))

        try:
            result = await self.provider.do(work)
        except DeliveryError as error:
            raise AnswerError(409, error.code, str(error), "ask for the next page") from None
        if isinstance(result, AnswerError):
            raise result
        first, *items = [msgspec.Raw(each) for each in result.lines.splitlines()] or [
            msgspec.Raw(b"null")
        ]
        return json_answer(
            {
                "page": result.number,
                "manifest": first,
                "items": items,
                "next": result.number + 1 if result.more else None,
            }
        )

    async def received(self, request: Request, form: Form) -> Response:
        """The rows of our own accounting of what the partner received, to be compared."""
        since, until = (_day(form, name) for name in ("from", "to"))

        def work(transaction: Transaction) -> list[tuple[str, ...]]:
            client, zone = self.client(transaction, request), transaction.clock.zone
            starts = datetime.combine(since, time(), zone) if since else None
            following = until + timedelta(days=1) if until else None
            ends = datetime.combine(following, time(), zone) if following else None
            rows = accounting.received_by(transaction, client.party, starts, ends)
            return list(accounting.table(rows, shared=True))

        rows = await self.provider.do(work)
        return json_answer({"columns": accounting.SHARED_COLUMNS, "rows": rows})

    async def requests(self, request: Request, _: Form) -> Response:
        """What the company has to delete or correct, by when, and what it said of that."""

        def work(transaction: Transaction) -> list[dict[str, object]]:
            client, now = self.client(transaction, request), transaction.clock.now()
            every = recipients.of_party(transaction, client.party)
            return [each.as_data(now) for each in recipients.signed(transaction, every)]

        return json_answer({"requests": await self.provider.do(work)})

    async def acknowledge(self, request: Request, _: Form) -> Response:
        """Note that the company did what it was asked."""
        request_id = RequestId(request.path_params["request"])

        def work(transaction: Transaction) -> dict[str, object] | None:
            client, now = self.client(transaction, request), transaction.clock.now()
            actor = f"{PARTNER} {client.party}"
            its = recipients.acknowledge(transaction, client.party, request_id, actor=actor)
            return recipients.signed(transaction, [its])[0].as_data(now) if its else None

        one = await self.provider.do(work)
        if one is None:
            raise AnswerError(404, "request", "you are asked no such thing", f"{HERE}/requests")
        return json_answer(one)

    def client(self, transaction: Transaction, request: Request) -> PartnerClient:
        """Whoever asks, by their token, within their limit."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        client = clients.holder(transaction, token) if kind.lower() == "bearer" else None
        if client is None:
            raise AnswerError(
                401, "invalid_token", "there is no such token", f"ask for one at {HERE}/token"
            )
        wait = self.provider.limits.take(
            transaction.tables,
            REQUESTS,
            "partner-client",
            client.client_id,
            at=transaction.clock.now(),
        )
        if wait:
            raise AnswerError(429, "slow_down", "too many requests", "try again later", wait)
        return client


def _refuse_two_proofs(request: Request, form: Form) -> None:
    """A program proves in one way who it is: by a secret, or by what it signed."""
    signs = {"client_assertion", "client_assertion_type"} & form.keys()
    if not signs:
        return
    if "client_secret" in form or "authorization" in request.headers:
        raise AnswerError(400, "invalid_request", "two proofs at once", "send one of them")
    if form.get("client_assertion_type", "") != assertions.TYPE or "client_assertion" not in form:
        raise AnswerError(
            400,
            "invalid_request",
            "only signed JWTs are taken",
            f"send client_assertion, and client_assertion_type={assertions.TYPE}",
        )


def _refuse_pages(request: Request) -> None:
    site = request.headers.get("sec-fetch-site")
    if "origin" in request.headers or site not in (None, "none", "same-origin"):
        raise AnswerError(
            403, "invalid_request", "this is for programs", "send it from no page of a browser"
        )


async def _form(request: Request) -> Form:
    length = request.headers.get("content-length", "0")
    has_no_length = "transfer-encoding" in request.headers
    if has_no_length or not length.isdecimal() or int(length) > BODY_MAX:
        raise AnswerError(413, "invalid_request", "this is too large", "send a short form")
    body = await request.body()
    try:
        pairs = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise AnswerError(400, "invalid_request", "this is no form", "send a form") from None
    form = {name: values[0] for name, values in pairs.items()}
    if any(kit.ZERO in name + value for name, value in form.items()):
        raise AnswerError(
            400, "invalid_request", "a text has a zero byte", "send texts without one"
        )
    return form


def _day(form: Form, name: str) -> date | None:
    """A day of a form; None where it is left out."""
    if not form.get(name):
        return None
    try:
        day = date.fromisoformat(form[name])
    except ValueError:
        day = date.min
    if not parties.EARLIEST <= day < parties.LATEST:
        raise AnswerError(422, name, "this is no day", f"send {name}=2026-03-01")
    return day


def _credentials(request: Request, form: Form) -> tuple[ClientId, str]:
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        try:
            client_id, _, secret = b64decode(value, validate=True).decode().partition(":")
        except (ValueError, binascii.Error):
            return ClientId(""), ""
        return ClientId(client_id), secret
    return ClientId(form.get("client_id", "")), form.get("client_secret", "")


def json_answer(
    value: object, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """An answer in JSON, which nobody keeps on the way."""
    body = msgspec.json.encode(value)
    return Response(body, status, headers=headers or _HEADERS, media_type="application/json")

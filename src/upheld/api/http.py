"""AuthZEN over HTTP, and what stands beside it: who may ask, how much, and how errors look.

An error is a JSON string, as the standard has it. A deny is 200. The header X-Request-ID comes
back where it is plain text; anything else in it is dropped.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.types import Message, Receive, Scope, Send

from upheld.api import messages as m
from upheld.api.authzen import AuthZen, MessageError, parts
from upheld.api.limits import Buckets
from upheld.api.tokens import ApiTokens
from upheld.core.members import has_duplicate_member

BODY_MAX = 1024 * 1024
BODY_SECONDS = 10.0
SEARCH_COST = 50  # decisions that a search counts for
PART_COST = 10  # decisions that a part of a fact counts for
REQUEST_ID = re.compile(rb"[!-~]{1,200}\Z")
JSON_TYPE = re.compile(
    rb"application/json[ \t]*(?:;[ \t]*charset=\"?utf-8\"?[ \t]*)?\Z", re.IGNORECASE
)
LOOPBACK = re.compile(r"(?:127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+|testclient)\Z")
FORWARDED = frozenset((b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via"))
JSON = b"application/json"
METADATA = "/.well-known/authzen-configuration"
Work = Callable[[AuthZen, Any], msgspec.Struct]
Report = Callable[[m.EvaluationResponse], None]


class Endpoint(NamedTuple):
    """One address: the type of its body, and what answers it."""

    type: type[msgspec.Struct]
    work: Work
    cost: int = 1
    aside: bool = False  # takes long enough to leave the loop to others meanwhile


ENDPOINTS = {
    "/access/v1/evaluation": Endpoint(m.EvaluationRequest, AuthZen.evaluation),
    "/access/v1/evaluations": Endpoint(m.EvaluationsRequest, AuthZen.evaluations, aside=True),
    "/access/v1/search/subject": Endpoint(
        m.SubjectSearch, AuthZen.search_subject, SEARCH_COST, aside=True
    ),
    "/access/v1/search/resource": Endpoint(
        m.ResourceSearch, AuthZen.search_resource, SEARCH_COST, aside=True
    ),
    "/access/v1/search/action": Endpoint(
        m.ActionSearch, AuthZen.search_action, SEARCH_COST, aside=True
    ),
}
DECODERS = {path: msgspec.json.Decoder(each.type) for path, each in ENDPOINTS.items()}
ENCODER = msgspec.json.Encoder()


class Access:
    """Who may ask, and how much: loopback alone, or whoever shows a token."""

    def __init__(self, tokens: ApiTokens | None = None, buckets: Buckets | None = None) -> None:
        self.tokens, self.buckets = tokens, buckets or Buckets()

    def caller(self, scope: Scope) -> str:
        """The name under which a caller is limited; MessageError for one who may not ask."""
        if self.tokens is not None:
            name = self.tokens.caller(header(scope, b"authorization").decode("latin-1"))
            if name is None:
                raise MessageError(
                    "send a bearer token that the token file names, as `Authorization: Bearer …`",
                    401,
                )
            return name
        client = scope.get("client")
        host = client[0] if client else "::1"  # a socket of this machine has no address
        if not LOOPBACK.match(host) or any(name in FORWARDED for name, _ in scope["headers"]):
            raise MessageError("only this machine may ask until a token file is given", 403)
        return host

    def charge(self, caller: str, cost: int) -> float:
        """How many seconds a caller must wait; 0 where this is granted."""
        return self.buckets.take(caller, cost)


class AuthZenHttp:
    """An ASGI application for everything under /access/v1."""

    def __init__(self, authzen: AuthZen, access: Access, decided: Report | None = None) -> None:
        self.authzen, self.access, self.decided = authzen, access, decided

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
        if REQUEST_ID.match(request_id := header(scope, b"x-request-id")):
            headers.append((b"x-request-id", request_id))
        try:
            status, body = 200, await self.answer(scope, receive)
        except MessageError as error:
            status, body = error.status, ENCODER.encode(str(error))
            headers += [TELLING[k] for k in (status,) if k in TELLING] + [*error.headers]
        except Gone:
            return
        except Exception:
            await respond(send, 500, headers, b'"something went wrong; nothing was decided"')
            raise
        await respond(send, status, headers, body)

    async def answer(self, scope: Scope, receive: Receive) -> bytes:
        """The body of a good answer; MessageError for anything else."""
        path = scope["path"]
        endpoint = ENDPOINTS[path]
        if scope["method"] != "POST":
            raise MessageError("questions are sent by POST", 405)
        caller = self.access.caller(scope)
        if not JSON_TYPE.match(header(scope, b"content-type").strip()):
            raise MessageError("the content type must be application/json")
        if header(scope, b"content-encoding").strip().lower() not in (b"", b"identity"):
            raise MessageError("the body must not be compressed; send it without Content-Encoding")
        message = decoded(path, await read_body(scope, receive))
        count = parts(message)
        cost = endpoint.cost + PART_COST * count
        if isinstance(message, m.EvaluationsRequest):
            cost += len(message.evaluations)
        if wait := self.access.charge(caller, cost):
            after = str(max(1, round(wait + 0.5))).encode()
            raise MessageError(
                f"too many questions; wait {after.decode()} s, then ask again",
                429,
                ((b"retry-after", after),),
            )
        if endpoint.aside or count:
            answer = await run_in_threadpool(endpoint.work, self.authzen, message)
        else:
            answer = endpoint.work(self.authzen, message)
        self.report(answer)
        return ENCODER.encode(answer)

    def report(self, answer: msgspec.Struct) -> None:
        """Count decisions."""
        if self.decided is None:
            return
        match answer:
            case m.EvaluationResponse():
                self.decided(answer)
            case m.EvaluationsResponse(evaluations=found):
                for each in found:
                    self.decided(each)
            case _:
                pass


class Gone(Exception):  # noqa: N818 - it says what happened
    """The caller went away in the middle of the body."""


TELLING = {  # headers that go with a status
    401: (b"www-authenticate", b'Bearer realm="upheld"'),
    405: (b"allow", b"POST"),
    408: (b"connection", b"close"),
    413: (b"connection", b"close"),
}


def header(scope: Scope, name: bytes) -> bytes:
    """The first header of a name, or nothing."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return b""


async def respond(
    send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes, kind: bytes = JSON
) -> None:
    """Send one answer."""
    has_length = any(name == b"content-length" for name, _ in headers)
    length = [] if has_length else [(b"content-length", str(len(body)).encode())]
    start: Message = {
        "type": "http.response.start",
        "status": status,
        "headers": [(b"content-type", kind), *length, *headers],
    }
    await send(start)
    await send({"type": "http.response.body", "body": body})


TOO_LARGE: Final = f"the body has more than {BODY_MAX:,} bytes; send fewer questions at a time"


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """The whole body, within its limits of size and time."""
    length_header = header(scope, b"content-length")
    if length_header.isdigit() and int(length_header) > BODY_MAX:
        raise MessageError(TOO_LARGE, 413)
    parts: list[bytes] = []
    size, more = 0, True
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                more = message.get("more_body", False)
                if size > BODY_MAX:
                    raise MessageError(TOO_LARGE, 413)
    except TimeoutError:
        raise MessageError(
            f"the body did not arrive within {BODY_SECONDS:g} seconds; send it again", 408
        ) from None
    return parts[0] if len(parts) == 1 else b"".join(parts)


def decoded(path: str, body: bytes) -> msgspec.Struct:
    """The message in a body; MessageError for what is none."""
    if not body.strip():
        raise MessageError("the body is empty; send one question as a JSON object")
    try:
        message = DECODERS[path].decode(body)
        twice = has_duplicate_member(body)
    except msgspec.ValidationError as error:
        raise MessageError(str(error)) from None
    except (msgspec.DecodeError, ValueError) as error:
        raise MessageError(f"the body is not JSON: {error}") from None
    except RecursionError:
        raise MessageError(
            "the body is nested too deep; send it as flat as the API describes it"
        ) from None
    if twice:
        raise MessageError("a member stands twice in one object; send each once")
    return message


def metadata(base: str) -> m.Metadata:
    """Where everything is, for a decision point at this address."""
    base = base.rstrip("/")
    at = {path.removeprefix("/access/v1/").replace("/", "_"): base + path for path in ENDPOINTS}
    return m.Metadata(
        policy_decision_point=base,
        access_evaluation_endpoint=at["evaluation"],
        access_evaluations_endpoint=at["evaluations"],
        search_subject_endpoint=at["search_subject"],
        search_resource_endpoint=at["search_resource"],
        search_action_endpoint=at["search_action"],
        capabilities=[],
        supported_obligations=["custom"],
    )

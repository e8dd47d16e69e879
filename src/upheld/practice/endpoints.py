"""Who visits: pages for signed-in customers, staff and agents, and forms for anybody.

A page for somebody is answered to them alone and kept by no cache. What is sent to it must carry
the token of its session and come from a page of ours, by what the browser itself says; before
there is a session, the browser's word alone must do. Nobody is led anywhere but to a page of ours.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from datetime import datetime
from functools import partial
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId, UserId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables
from upheld.gate.evidence.provers import Proof, ProofQuestion
from upheld.gate.transaction import Transaction
from upheld.practice import consequences, operators, parties, sign_in_attempts, tasks
from upheld.practice.consequences import NotConfirmedError
from upheld.practice.destinations import mark_endpoint, page_behind, with_destination
from upheld.practice.events import PRIVACY_SIGNAL, SIGNED_IN
from upheld.practice.operators import User
from upheld.practice.plugin import Provider
from upheld.practice.tasks import OthersTaskError
from upheld.practice.unreadable import UnreadableValueError
from upheld.web import devices, kit, limits, sessions
from upheld.web.kit import Refusal
from upheld.web.sessions import Session
from upheld.web.tables import session

BODY_MAX = 128 * 1024
SIGNALLED_MAX = 10_000  # sessions remembered to have sent the signal; the rest ask the database
SIGN_IN = {"customer": "/sign-in", "staff": "/staff/sign-in", "agent": "/agent/sign-in"}


class Visit(NamedTuple):
    """A request of somebody who is signed in."""

    request: Request
    session: Session
    form: FormData
    user: User | None = None  # who works at a desk; nobody where a customer visits

    @property
    def subject(self) -> PersonId:
        """Whose page it is, where a customer visits."""
        return PersonId(self.session.subject)

    @property
    def user_id(self) -> UserId:
        """Who works at the desk, where it is a desk's page."""
        return UserId(self.session.subject)


FOREIGN = (
    "This form was sent from a page that is not ours.",
    "Open our own page, and send the form from there.",
)
NOT_TEXT = (
    "There is a problem: what you sent has a character that is no part of any text.",
    "Go back, type it anew instead of pasting it, and send it once more.",
)
UNSAID = (
    "Your browser did not say which page this form was sent from.",
    "Open the page again and send it once more; a setting or an extension may hide it from us.",
)
OLD_FORM = ("This form is older than your sign-in.", "Open its page again and send it from there.")
SIGNED_OUT = ("You are not signed in any more.", "Sign in, and send the form once more.")
Handler = Callable[[Visit], Awaitable[Response]]
OpenHandler = Callable[[Request, FormData], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]
NOBODY: tuple[Session | None, User | None] = (None, None)


def cookie_name(provider: Provider, kind: str) -> str:
    """The session cookie of a kind of visitor."""
    return f"__Host-{kind}" if provider.secure else kind


def require_sign_in(  # noqa: PLR0913 - what a page asks of its visitor
    provider: Provider,
    kind: str,
    handler: Handler,
    *,
    fresh: bool = False,
    carries: Sequence[str] = (),
    is_use: bool = False,
    body_max: int | None = None,
    body_roles: Sequence[str] = (),
) -> Endpoint:
    """An endpoint for whoever is signed in; everybody else is redirected to sign in first.

    `fresh` asks for the password again if it was given more than a few minutes ago; the fields of
    its form that it `carries` are still there after that. Opening a page that `is_use` of our
    services leads a customer first to what they have to be shown before they go on. `body_max` is
    how many bytes a form may have, where that is not what every other may: of whoever has one of
    the `body_roles`, if any are said.
    """

    async def endpoint(request: Request) -> Response:
        raw = request.cookies.get(cookie_name(provider, kind), "")
        at = provider.now()
        session, user = await provider.read(lambda c: _who(c, kind, raw, at)) if raw else NOBODY
        stale = session is not None and fresh and not session.is_fresh(at)
        if session is None or stale:
            if request.method == "POST" and not stale:
                page = page_behind(provider, request, kind)
                raise Refusal(403, *SIGNED_OUT, with_destination(SIGN_IN[kind], page))
            carry = bool(stale and carries and request.method == "POST")
            return redirect_to_sign_in(provider, request, kind, again=stale, carry=carry)
        if sessions.stale(session, at):
            await provider.do(lambda transaction: sessions.touch(transaction.tables, session, at))
        is_opening = is_use and request.method != "POST"
        if is_opening and (path := await provider.page_before(PersonId(session.subject))):
            here = page_behind(provider, request, kind)
            return RedirectResponse(with_destination(path, here), 303)
        await _announce_signal(provider, request, session)
        form = await _read_form(request, _most_of(user, body_max, body_roles))
        user = await _with_company_roles(provider, user)
        visit = Visit(request, session, form, user)
        try:
            if request.method == "POST":
                token = form.get("_token", "")
                if not isinstance(token, str) or not provider.tokens.fits(session, token):
                    raise Refusal(403, *OLD_FORM)
                _refuse_foreign(provider, request, has_token=True)
            request.state.kind, request.state.roles = kind, user.roles if user else ()
            request.state.token = provider.tokens.of(session)
            request.state.banner = consequences.read_banner(provider, request, session)
            return await handler(visit)
        except NotConfirmedError as error:
            return consequences.ask_again(provider, visit, error)
        except UnreadableValueError as error:
            return _unreadable_page(provider, request, error.field)
        except OthersTaskError as error:  # what was begun is undone; that it was tried is entered
            task = error.task
            await provider.do(
                lambda transaction: tasks.record_attempt(transaction, task, visit.user_id)
            )
            raise HTTPException(error.status) from None
        finally:
            await form.close()  # of files that somebody sent

    mark_endpoint(endpoint, kind, carries)
    return endpoint


def _unreadable_page(provider: Provider, request: Request, field: str) -> Response:
    """The page that says which kind of data cannot be read; never its value."""
    words = provider.policy.program.vocabulary.tree("data")
    label = (words[field].label if field in words else "") or field
    return provider.pages.page(request, "odd.html", status=409, label=label)


async def _announce_signal(provider: Provider, request: Request, session: Session) -> None:
    """Announce a browser's privacy signal, once a session as far as this process knows."""
    if (
        session.kind != "customer"
        or not kit.sends_signal(request)
        or session.key in provider.signalled_sessions
    ):
        return
    await provider.do(
        lambda transaction: provider.events.announce(
            transaction, PRIVACY_SIGNAL, PersonId(session.subject), session.key.hex()
        )
    )
    if len(provider.signalled_sessions) >= SIGNALLED_MAX:
        provider.signalled_sessions.clear()
    provider.signalled_sessions.add(session.key)


def _who(tables: Tables, kind: str, raw: str, at: datetime) -> tuple[Session | None, User | None]:
    """The session of a cookie, and its desk user; NOBODY where either is no longer in force."""
    session = sessions.find(tables, kind, raw, at)
    if session is None or kind == "customer":
        return session, None
    user = operators.find_active_user(tables, UserId(session.subject))
    return (session, user) if user is not None and user.kind == kind else NOBODY


async def _with_company_roles(provider: Provider, user: User | None) -> User | None:
    """An agent with what the register says that their company is or was to us, as their roles."""
    if user is None or user.kind != "agent":
        return user
    roles = await provider.do(partial(parties.roles_until_now, party=user.party))
    return user._replace(roles=roles)


async def identify_visitor(provider: Provider, request: Request) -> None:
    """Note who is signed in, where a page is for anybody, so that its frame is theirs.

    A session that cannot be read leaves the page as it is for nobody.
    """
    if getattr(request.state, "kind", ""):
        return
    start = request.url.path.split("/")[1]
    at = provider.now()
    for kind in sorted(SIGN_IN, key=lambda each: each != start):  # of a desk's page: that desk's
        raw = request.cookies.get(cookie_name(provider, kind), "")
        if not raw:
            continue
        with suppress(UpheldError):
            session, user = await provider.read(partial(_who, kind=kind, raw=raw, at=at))
            if session is not None:
                user = await _with_company_roles(provider, user)
                request.state.kind, request.state.roles = kind, user.roles if user else ()
                request.state.token = provider.tokens.of(session)
                return


def open_page(provider: Provider, handler: Endpoint) -> Endpoint:
    """An endpoint for anybody, in the frame of whoever is signed in."""

    async def endpoint(request: Request) -> Response:
        await identify_visitor(provider, request)
        return await handler(request)

    return endpoint


def anybody(provider: Provider, handler: OpenHandler) -> Endpoint:
    """An endpoint for anybody, with a form that only our own pages may send."""

    async def endpoint(request: Request) -> Response:
        if request.method == "POST":
            _refuse_foreign(provider, request)
        await identify_visitor(provider, request)
        form = await _read_form(request)
        try:
            return await handler(request, form)
        finally:
            await form.close()

    return endpoint


async def _read_form(request: Request, body_max: int = BODY_MAX) -> FormData:
    if request.method != "POST":
        return FormData()
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > body_max:
        raise Refusal(413, kit.SAID[413][0], _no_more_than(body_max))
    try:
        async with asyncio.timeout(kit.BODY_SECONDS):
            form = await _parse_form(request, body_max)
    except TimeoutError:
        raise HTTPException(408) from None
    except ClientDisconnect:
        raise HTTPException(400) from None
    texts = (each for pair in form.multi_items() for each in pair if isinstance(each, str))
    if any(kit.ZERO in each for each in texts):
        await form.close()
        raise Refusal(422, *NOT_TEXT)
    return form


def _most_of(user: User | None, body_max: int | None, roles: Sequence[str]) -> int:
    """How many bytes a form of somebody may have, where some, or all if none, may send more."""
    is_theirs = not roles or (user is not None and not {*roles}.isdisjoint(user.roles))
    return body_max if body_max and is_theirs else BODY_MAX


async def _parse_form(request: Request, body_max: int) -> FormData:
    """The fields of a form, and its file, which is never on a disk, whatever its size."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        return await request.form(max_fields=200, max_part_size=BODY_MAX)
    async with aclosing(request.stream()) as stream:
        parser = MultiPartParser(
            request.headers, stream, max_files=1, max_fields=200, max_part_size=BODY_MAX
        )
        parser.spool_max_size = body_max
        try:
            return await parser.parse()
        except MultiPartException:
            raise HTTPException(400) from None


def _no_more_than(body_max: int) -> str:
    """What to do about a form that is too large, and how large it may be."""
    megabytes = body_max // 1_000_000
    most = f"{megabytes} MB" if megabytes else f"{body_max // 1_000} kB"
    return f"Go back, and send less, such as a smaller file: at most {most}."


def _refuse_foreign(provider: Provider, request: Request, *, has_token: bool = False) -> None:
    """Refuse a form that was sent from elsewhere, by what the browser says of it.

    One that has `told` the token of its session may come from a browser that says nothing.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        ours = site in ("same-origin", "none")
    elif origin is None:
        ours = has_token
    else:
        ours = _is_own(provider, request, origin)
    if not ours:
        raise Refusal(403, *(FOREIGN if site or origin not in (None, "null") else UNSAID))


def _is_own(provider: Provider, request: Request, origin: str) -> bool:
    """Whether an Origin is ours: the address of the settings, or without TLS the one it came to."""
    sender = urlsplit(origin)
    own = urlsplit(provider.settings.url)
    if own.netloc and (sender.scheme, sender.netloc) == (own.scheme, own.netloc):
        return True
    host = request.headers.get("host", "")
    return not provider.secure and (sender.scheme, sender.netloc) == (request.url.scheme, host)


def redirect_to_sign_in(
    provider: Provider, request: Request, kind: str, *, again: bool = False, carry: bool = False
) -> Response:
    """Lead somebody to sign in, then to the page that they wanted, or the one of their form.

    `again` is for somebody who is signed in, and asked for the password anew; with `carry` the
    browser sends what it sent here there too (307), so that a form is not lost.
    """
    path = SIGN_IN[kind] + ("/again" if again and kind == "customer" else "")
    status = 307 if carry and again and kind == "customer" else 303
    return RedirectResponse(with_destination(path, page_behind(provider, request, kind)), status)


def start_session(
    provider: Provider,
    tables: Tables,
    request: Request,
    response: Response,
    kind: str,
    subject: str,
) -> str:
    """Start a session, set its cookie and return its id; the browser's session before it ends."""
    at = provider.now()
    old = sessions.find(tables, kind, request.cookies.get(cookie_name(provider, kind), ""), at)
    if old is not None:
        sessions.end(tables, old)
    device = devices.name_of(request.headers.get("user-agent", ""))
    raw = sessions.begin(tables, kind, subject, at, device)
    give_cookie(provider, response, kind, raw)
    sign_in_attempts.remember_device(provider, request, response, kind, subject)
    return raw


def sign_in_customer(
    provider: Provider,
    transaction: Transaction,
    request: Request,
    response: Response,
    person_id: PersonId,
) -> None:
    """Start the session of a customer who proved who they are, and announce it."""
    start_session(provider, transaction.tables, request, response, "customer", person_id)
    provider.events.announce(transaction, SIGNED_IN, person_id)


def give_cookie(provider: Provider, response: Response, kind: str, raw: str) -> None:
    """Set the cookie of a session."""
    response.set_cookie(
        cookie_name(provider, kind),
        raw,
        path="/",
        httponly=True,
        samesite="lax",
        secure=provider.secure,
    )


def clear_cookie(provider: Provider, response: Response, kind: str) -> None:
    """Delete the cookie of a session."""
    response.delete_cookie(
        cookie_name(provider, kind), path="/", httponly=True, samesite="lax", secure=provider.secure
    )


def network_of(request: Request) -> str:
    """The network that a request comes from, for which attempts are counted."""
    return limits.network(request.client.host if request.client else "")


def equal_secrets(one: str, other: str) -> bool:
    """Whether two secrets are equal, compared in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())


def prove_signed_in(question: ProofQuestion) -> Proof:
    """Prove `signed-in`: whether the person has a session in force."""
    where = "kind = 'customer' AND subject = ? AND started_at > ?"
    earliest = microseconds(question.at - sessions.ABSOLUTE)
    row = question.tables.get(session, where, question.person_id, earliest)
    return Proof(row is not None)

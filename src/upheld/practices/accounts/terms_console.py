"""Drafts of the Master Terms in the console: made, compared, posted by a second person, dropped.

It is what `upheld terms` does: each step is checked in its own transaction, by who is signed in,
and what cannot be taken back is confirmed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from upheld.core.ids import DraftId, UserId
from upheld.database.own_tables import Tables
from upheld.gate.transaction import Transaction
from upheld.practice import operators, terms
from upheld.practice.consequences import (
    WORD,
    Banner,
    Confirmation,
    NotConfirmedError,
    Unconfirmed,
    redirect_with_banner,
    require_confirmation,
    short_reference,
)
from upheld.practice.endpoints import Handler, Visit, require_sign_in
from upheld.practice.operators import User
from upheld.practice.plugin import MenuEntry, PendingAction, Provider
from upheld.practice.terms import TermsError, TermsText, TermsVersion
from upheld.practice.terms_changes import terms_changes
from upheld.practices.accounts.terms import HERE as PUBLIC
from upheld.practices.accounts.terms import MARKDOWN
from upheld.web.forms import EMPTY, Field, Filled, read
from upheld.web.uploads import TEXT, uploaded

CONSOLE: Final = "/staff/terms"
MENU: Final = MenuEntry(
    "staff", "Master Terms", CONSOLE, "Versions and drafts of the terms", 94, roles=terms.ROLES
)
NAME: Final = Field(
    "version",
    "Name of the version",
    length_max=terms.NAME_MAX,
    hint="A number or a day, for example: version 3.",
    autocomplete="off",
    missing="Enter a name for the version.",
)
WORDS: Final = Field(TEXT, "Or their text", "textarea", required=False, length_max=120_000)
_NO_TEXT: Final = "Choose a file, or paste the text."
_NOT_UTF8: Final = "This file cannot be read as text. Save it as UTF-8, and send it again."


class TermsDraft(NamedTuple):
    """A draft and the version in force, each with its words, and the names of those who draft."""

    draft: TermsText
    base: TermsText
    names: dict[str, str]


class TermsConsole:
    """The list of versions and drafts, each draft, and what is done with it."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def routes(self) -> list[Route]:
        """The addresses of all of it."""

        def desk(method: str, path: str, handler: Handler, *, fresh: bool = False) -> Route:
            endpoint = require_sign_in(self.provider, "staff", handler, fresh=fresh)
            return Route(path, endpoint, methods=[method])

        one = f"{CONSOLE}/{{draft}}"
        return [
            desk("GET", CONSOLE, self.show_all),
            desk("POST", CONSOLE, self.draft),
            desk("GET", one, self.show),
            desk("GET", f"{one}/terms.md", self.file),
            desk("POST", f"{one}/post", self.post, fresh=True),
            desk("POST", f"{one}/drop", self.drop, fresh=True),
        ]

    def pending(self, tables: Tables) -> list[PendingAction]:
        """What managers are reminded of: drafts that wait for a second person."""
        return [
            PendingAction(
                f"Version {each.version} of the Master Terms waits for a second person.",
                "See the draft",
                f"{CONSOLE}/{each.draft_id}",
            )
            for each in terms.drafts(tables)
        ]

    # What there is

    async def show_all(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """Every version and draft by its digest, and the form for another draft."""
        _counsel_of(visit)

        def look(
            transaction: Transaction,
        ) -> tuple[list[TermsVersion], list[TermsVersion], dict[str, str], str]:
            tables = transaction.tables
            part_of = transaction.policy.front.part_of
            return terms.versions(tables), terms.drafts(tables), _names(tables), part_of

        posted, waiting, names, part_of = await self.provider.do(look)
        return self.provider.pages.page(
            visit.request,
            "accounts/terms-console.html",
            status=status,
            posted=posted[::-1],
            waiting=waiting,
            names=names,
            part_of=part_of,
            named=terms.version_named(part_of),
            fields=(NAME, WORDS),
            filled=filled,
            console=CONSOLE,
            public=PUBLIC,
        )

    async def draft(self, visit: Visit) -> Response:
        """Make a draft of what was sent, or say what keeps it from being one."""
        user = _counsel_of(visit)
        raw, pasted = await uploaded(visit.form)
        filled = read((NAME,), visit.form)
        filled.shown[TEXT] = pasted
        text = _decoded(raw)
        if text is None or not text.strip():
            filled = filled.wrong(TEXT, _NOT_UTF8 if text is None else _NO_TEXT)
        if text is None or not filled.ok:
            return await self.show_all(visit, filled, 422)
        name = filled.values[NAME.name]
        try:
            new = await self.provider.do(
                lambda transaction: terms.draft(transaction, text, name, user.user_id)
            )
        except TermsError as error:
            field = NAME.name if error.code == "terms-version" else TEXT
            return await self.show_all(visit, filled.wrong(field, error.in_sentences()), 422)
        return RedirectResponse(f"{CONSOLE}/{new.draft_id}", 303)

    # One draft

    async def show(self, visit: Visit) -> Response:
        """A draft: what it changes, all of its words, and what can be done."""
        _counsel_of(visit)
        return await self._page(visit)

    async def _page(self, visit: Visit, problem: str = "", status: int = 200) -> Response:
        view = await self.provider.do(lambda transaction: _view(transaction, visit))
        changes = await self.provider.run_in_thread(terms_changes, view.base.text, view.draft.text)
        edition = view.draft.edition
        return self.provider.pages.page(
            visit.request,
            "accounts/terms-draft.html",
            status=status,
            view=view,
            changes=changes,
            problem=problem,
            mine=edition.drafted_by == visit.user_id,
            here_draft=f"{CONSOLE}/{edition.draft_id}",
            console=CONSOLE,
            public=PUBLIC,
        )

    async def file(self, visit: Visit) -> Response:
        """The bytes of a draft."""
        _counsel_of(visit)
        view = await self.provider.do(lambda transaction: _view(transaction, visit))
        headers = {"cache-control": "no-store"}
        return Response(view.draft.text.encode(), 200, headers, MARKDOWN)

    # What is done with it

    async def post(self, visit: Visit) -> Response:
        """Put a draft in force as the second person, once that was confirmed."""

        def work(transaction: Transaction, there: TermsVersion, by: UserId) -> tuple[str, str]:
            if there.drafted_by != by:
                self._require(transaction, visit, _posting(there))
            posted = terms.post(transaction, there.digest, by)
            text = f"Version {posted.version} of the Master Terms is in force."
            return f"{PUBLIC}/{posted.number}", text

        return await self._change(visit, work)

    async def drop(self, visit: Visit) -> Response:
        """Give a draft up, once that was confirmed."""

        def work(transaction: Transaction, there: TermsVersion, by: UserId) -> tuple[str, str]:
            self._require(transaction, visit, _dropping(there))
            terms.drop(transaction, there.digest, by)
            return CONSOLE, f"The draft of version {there.version} is dropped."

        return await self._change(visit, work)

    def _require(self, transaction: Transaction, visit: Visit, question: Confirmation) -> None:
        """Go on only if just this was confirmed; the button of a draft's page asks, no more."""
        if WORD not in visit.form:
            raise NotConfirmedError(question, Unconfirmed.ASKED)
        require_confirmation(self.provider, transaction.tables, visit, question)

    async def _change(
        self,
        visit: Visit,
        work: Callable[[Transaction, TermsVersion, UserId], tuple[str, str]],
    ) -> Response:
        """Take a step with a draft; lead to what came of it, or say why nothing did."""
        by, draft_id = _counsel_of(visit).user_id, visit.request.path_params["draft"]

        def step(transaction: Transaction) -> tuple[str, str]:
            return work(transaction, _draft(transaction.tables, draft_id), by)

        try:
            path, text = await self.provider.do(step)
        except TermsError as error:
            return await self._page(visit, error.in_sentences(), 409)
        banner = Banner(text, short_reference(draft_id))
        return redirect_with_banner(self.provider, visit.session, path, banner)


def _counsel_of(visit: Visit) -> User:
    """Whoever may work on the terms; 403 for everybody else."""
    if visit.user is None or not {*terms.ROLES} & {*visit.user.roles}:
        raise HTTPException(403)
    return visit.user


def _draft(tables: Tables, draft_id: DraftId) -> TermsVersion:
    """A draft by its whole id; 404 where there is none, or none any more."""
    for each in terms.drafts(tables):
        if each.draft_id == draft_id:
            return each
    raise HTTPException(404)


def _view(transaction: Transaction, visit: Visit) -> TermsDraft:
    """The draft that a path names, beside the version in force."""
    tables = transaction.tables
    draft, newest = (
        _draft(tables, visit.request.path_params["draft"]),
        terms.versions(tables)[-1],
    )
    return TermsDraft(
        TermsText(draft, terms.text_of(tables, draft.digest)),
        TermsText(newest, terms.text_of(tables, newest.digest)),
        _names(tables),
    )


def _names(tables: Tables) -> dict[str, str]:
    """The names of those who work here, by id."""
    return {each.user_id: each.name for each in operators.all_users(tables)}


def _decoded(raw: bytes) -> str | None:
    """What was sent as text; None where it is none."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _posting(draft: TermsVersion) -> Confirmation:
    here = f"{CONSOLE}/{draft.draft_id}"
    return Confirmation(
        f"Post version {draft.version} of the Master Terms?",
        [
            f"You post these very bytes: SHA-256 {draft.digest}.",
            "They are in force from this moment on, and everybody can read them.",
            "Whoever signs up accepts them; customers accept them when they next use a service.",
            "It cannot be taken back: another version can only follow it.",
        ],
        f"{here}/post",
        "Post it",
        here,
        grave=True,
        tick="I have read what it changes.",
        after=PUBLIC,
    )


def _dropping(draft: TermsVersion) -> Confirmation:
    here = f"{CONSOLE}/{draft.draft_id}"
    return Confirmation(
        f"Drop the draft of version {draft.version}?",
        ["Its text is deleted here. It can be drafted again."],
        f"{here}/drop",
        "Drop it",
        here,
        grave=True,
        after=CONSOLE,
    )

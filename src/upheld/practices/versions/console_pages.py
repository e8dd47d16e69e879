"""Drafts of a version in the console: made, read as a redline, approved, posted, dropped.

Whoever has one of the roles of drafts does it here as `upheld version` does: each step is checked
in its own transaction, by who is signed in. Each of them that cannot be taken back is confirmed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache, partial
from typing import Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from upheld.core.errors import UpheldError
from upheld.core.ids import DraftId, UserId
from upheld.database.own_tables import Tables
from upheld.gate.act.request import Refused
from upheld.gate.posting import effective_day
from upheld.gate.public import Edition, EditionError
from upheld.gate.transaction import Transaction
from upheld.policy.analyse.compare import Comparison, compare
from upheld.policy.analyse.strict import DraftProblem
from upheld.policy.load import Policy
from upheld.practice import operators
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
from upheld.practice.endpoints import Visit
from upheld.practice.operators import User
from upheld.practice.plugin import PendingAction, Provider
from upheld.practices.versions import drafts
from upheld.practices.versions.drafts import Draft, DraftError
from upheld.practices.versions.findings import finding_of_draft
from upheld.practices.versions.public_pages import MARKDOWN
from upheld.practices.versions.redline import redline
from upheld.practices.versions.upload import checked
from upheld.web.pages import format_day
from upheld.web.uploads import uploaded

CONSOLE: Final = "/staff/versions"
DRAFT_QUESTIONS: Final = "/draft"  # where a draft is asked
COMPARED_MAX: Final = 8  # drafts whose comparison is kept in mind
PAST_MAX: Final = 20  # posted and dropped drafts that are listed
STATES: Final = {
    drafts.OPEN: "waits for a second person",
    drafts.APPROVED: "approved, and not posted yet",
    drafts.ANNOUNCED: "announced",
    drafts.POSTED: "posted",
    drafts.DROPPED: "dropped",
}
OLD_BASE: Final = (
    "Another version was posted since this draft was compared. Drop it and draft it again: it is"
    " compared with the one in force then."
)


class DraftView(NamedTuple):
    """A draft with what its page needs: whose it is, and both policies where they are there."""

    draft: Draft
    base: Policy | None
    policy: Policy | None
    in_force: str
    names: dict[str, str]

    @property
    def is_current(self) -> bool:
        """Whether it was compared with the version in force."""
        return self.draft.base == self.in_force

    @property
    def day(self) -> date | None:
        """The day on which it says that it takes effect."""
        return effective_day(self.policy) if self.policy else None


@lru_cache(maxsize=COMPARED_MAX)
def comparison_of(old: Policy, new: Policy) -> Comparison:
    """What a draft decides otherwise, worked out once."""
    return compare(old, new)


class DraftPages:
    """The list of versions and drafts, each draft, and what is done with it."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    # What there is

    async def show_all(self, visit: Visit) -> Response:
        """Every version and draft, and the form for another draft."""
        counsel_of(visit)
        return await self._list(visit)

    async def _list(
        self,
        visit: Visit,
        problems: Sequence[DraftProblem] = (),
        pasted: str = "",
        status: int = 200,
    ) -> Response:
        def look(transaction: Transaction) -> tuple[list[Edition], list[Draft], dict[str, str]]:
            tables = transaction.tables
            return transaction.editions.all(), drafts.drafts(tables), _names(tables)

        editions, every, names = await self.provider.do(look)
        past = [each for each in every if each.state in (drafts.POSTED, drafts.DROPPED)]
        return self.provider.pages.page(
            visit.request,
            "versions/console.html",
            status=status,
            editions=editions[::-1],
            waiting=[each for each in every if each not in past],
            past=past[: -PAST_MAX - 1 : -1],
            names=names,
            states=STATES,
            problems=problems,
            pasted=pasted,
            console=CONSOLE,
        )

    async def draft(self, visit: Visit) -> Response:
        """Make a draft of what was sent, or say what keeps it from being one."""
        user = counsel_of(visit)
        raw, pasted = await uploaded(visit.form)
        if not raw:
            nothing = DraftProblem(1, "nothing was sent", "choose a file, or paste the text")
            return await self._list(visit, [nothing], pasted, 422)
        in_force = self.provider.policy
        policy, problems = await self.provider.run_in_thread(checked, raw, in_force)
        if policy is None:
            return await self._list(visit, problems, pasted, 422)
        try:
            comparison = await self.provider.run_in_thread(comparison_of, in_force, policy)
            new = await self.provider.do(
                lambda transaction: drafts.draft(transaction, policy, comparison, user.user_id)
            )
        except (DraftError, EditionError) as error:
            return await self._list(visit, [_problem(error)], pasted, 409)
        except UpheldError as error:  # it is too dear to compare
            return await self._list(visit, [_problem(error)], pasted, 422)
        return RedirectResponse(f"{CONSOLE}/{new.draft_id}", 303)

    # One draft

    async def _view(self, visit: Visit) -> DraftView:
        draft_id = visit.request.path_params["draft"]
        return await self.provider.do(lambda transaction: draft_view(transaction, draft_id))

    async def show(self, visit: Visit) -> Response:
        """A draft: how it stands, what it decides otherwise, and what can be done."""
        counsel_of(visit)
        return await self._page(visit)

    async def _page(self, visit: Visit, problem: str = "", status: int = 200) -> Response:
        view, comparison = await self._view(visit), None
        if view.base and view.policy:
            comparison = await self.provider.run_in_thread(comparison_of, view.base, view.policy)
        return self.provider.pages.page(
            visit.request,
            "versions/draft.html",
            status=status,
            view=view,
            comparison=comparison,
            finding=await self.provider.read(
                partial(finding_of_draft, draft_id=view.draft.draft_id)
            ),
            state=STATES[view.draft.state],
            problem=problem,
            stale=OLD_BASE if _is_live(view.draft) and not view.is_current else "",
            mine=view.draft.drafted_by == visit.user_id,
            here_draft=f"{CONSOLE}/{view.draft.draft_id}",
            questions=f"{DRAFT_QUESTIONS}/{view.draft.draft_id}",
            console=CONSOLE,
        )

    async def redline(self, visit: Visit) -> Response:
        """All of a draft against the version in force, for sign-off and for print."""
        counsel_of(visit)
        view = await self._view(visit)
        if view.base is None or view.policy is None:
            raise HTTPException(404)
        lines = await self.provider.run_in_thread(redline, view.base, view.policy)
        only = visit.request.query_params.get("show") == "changed"
        return self.provider.pages.page(
            visit.request,
            "versions/redline.html",
            view=view,
            lines=[each for each in lines if each.touched or not only],
            touched=sum(each.touched for each in lines),
            only=only,
            here_draft=f"{CONSOLE}/{view.draft.draft_id}",
        )

    async def file(self, visit: Visit) -> Response:
        """The bytes of a draft."""
        counsel_of(visit)
        view = await self._view(visit)
        if view.policy is None:
            raise HTTPException(404)
        headers = {"cache-control": "no-store"}
        return Response(view.policy.program.source.encode(), 200, headers, MARKDOWN)

    # What is done with it

    async def approve(self, visit: Visit) -> Response:
        """Approve a draft as the second person, once that was confirmed."""

        def work(transaction: Transaction, view: DraftView, by: UserId) -> Banner:
            if view.draft.drafted_by != by and view.draft.state == drafts.OPEN and view.is_current:
                self._require(transaction, visit, _approval(view))
            approved = drafts.approve(transaction, view.draft.draft_id, by)
            return _banner(f"You approved version {approved.version}.", approved)

        return await self._change(visit, work)

    async def post(self, visit: Visit) -> Response:
        """Put an approved draft in force now, or announce it for its day."""

        def work(transaction: Transaction, view: DraftView, by: UserId) -> Banner | Refused:
            if view.draft.state in drafts.STATES_TO_POST and view.is_current:
                self._require(transaction, visit, _posting(view, transaction.clock.today()))
            posted = drafts.post(transaction, view.draft.draft_id, by)
            if isinstance(posted, Refused):
                return posted
            if isinstance(posted, Edition):
                return _banner(f"Version {posted.version} is in force.", view.draft)
            day = format_day(view.day) if view.day else ""
            return _banner(f"Version {posted.version} is announced for {day}.", posted)

        return await self._change(visit, work)

    async def drop(self, visit: Visit) -> Response:
        """Give a draft up."""

        def work(transaction: Transaction, view: DraftView, by: UserId) -> Banner:
            if _is_live(view.draft):
                self._require(transaction, visit, _dropping(view))
            dropped = drafts.drop(transaction, view.draft.draft_id, by)
            return _banner(f"The draft of version {dropped.version} is dropped.", dropped)

        return await self._change(visit, work)

    def _require(self, transaction: Transaction, visit: Visit, confirmation: Confirmation) -> None:
        """Go on only if just this was confirmed; the button of a draft's page asks, no more."""
        if WORD not in visit.form:
            raise NotConfirmedError(confirmation, Unconfirmed.ASKED)
        require_confirmation(self.provider, transaction.tables, visit, confirmation)

    async def _change(
        self, visit: Visit, work: Callable[[Transaction, DraftView, UserId], Banner | Refused]
    ) -> Response:
        """Take a step with a draft; its page says what came of it, or why nothing did."""
        by, draft_id = counsel_of(visit).user_id, visit.request.path_params["draft"]

        def step(transaction: Transaction) -> Banner | Refused:
            return work(transaction, draft_view(transaction, draft_id), by)

        try:
            done = await self.provider.attempt(step)
        except (DraftError, EditionError) as error:
            return await self._page(visit, error.in_sentences(), 409)
        if isinstance(done, Refused):
            why = done.why or "something that it asks for is missing"
            text = f"The policy in force does not let itself be changed: {why}."
            return await self._page(visit, text, 409)
        return redirect_with_banner(self.provider, visit.session, f"{CONSOLE}/{draft_id}", done)

    def pending(self, tables: Tables) -> list[PendingAction]:
        """What managers are reminded of: drafts that wait for a second person."""
        return [
            PendingAction(
                f"Version {each.version} of the policy waits for a second person.",
                "See the draft",
                f"{CONSOLE}/{each.draft_id}",
            )
            for each in drafts.drafts(tables, drafts.OPEN)
        ]


def counsel_of(visit: Visit) -> User:
    """Whoever may work on drafts; 403 for everybody else."""
    if visit.user is None or not {*drafts.ROLES} & {*visit.user.roles}:
        raise HTTPException(403)
    return visit.user


def _is_live(draft: Draft) -> bool:
    return draft.state not in (drafts.POSTED, drafts.DROPPED)


def _names(tables: Tables) -> dict[str, str]:
    """The names of those who work here, by id."""
    return {each.user_id: each.name for each in operators.all_users(tables)}


def draft_view(transaction: Transaction, draft_id: DraftId) -> DraftView:
    """A draft by its whole id; 404 where there is none."""
    every = drafts.drafts(transaction.tables)
    draft = next((each for each in every if each.draft_id == draft_id), None)
    if draft is None:
        raise HTTPException(404)
    editions = transaction.editions
    is_kept = draft.state != drafts.DROPPED or any(
        each.digest == draft.digest for each in editions.all()
    )
    return DraftView(
        draft,
        editions.policy(draft.base) if is_kept else None,
        editions.policy(draft.digest) if is_kept else None,
        transaction.policy.digest,
        _names(transaction.tables),
    )


def _effect(draft: Draft) -> str:
    if draft.widens:
        return (
            "It allows more than the version in force: it binds customers from their next use on,"
            " or once the notice or approval that their own agreement asks for is there. What it"
            " forbids holds at once."
        )
    return "It allows nothing more than the version in force, and holds for everybody at once."


def _approval(view: DraftView) -> Confirmation:
    here = f"{CONSOLE}/{view.draft.draft_id}"
    return Confirmation(
        f"Approve version {view.draft.version}?",
        [
            f"You approve these very bytes: SHA-256 {view.draft.digest}.",
            _effect(view.draft),
            "It can be posted after this, by you or whoever drafted it.",
        ],
        f"{here}/approve",
        "Approve it",
        here,
        tick="I have read the redline and what it decides otherwise.",
    )


def _posting(view: DraftView, today: date) -> Confirmation:
    here, day = f"{CONSOLE}/{view.draft.draft_id}", view.day
    later = day is not None and day > today
    if day is not None and later:
        first = f"It is announced now, and put in force by itself on {format_day(day)}."
    else:
        first = "From this moment on everything here is decided by it, and the policy's page is it."
    return Confirmation(
        f"{'Announce' if later else 'Post'} version {view.draft.version}?",
        [
            first,
            _effect(view.draft),
            "It cannot be taken back: another version can only follow it.",
        ],
        f"{here}/post",
        "Announce it" if later else "Post it",
        here,
        grave=True,
    )


def _dropping(view: DraftView) -> Confirmation:
    here = f"{CONSOLE}/{view.draft.draft_id}"
    return Confirmation(
        f"Drop the draft of version {view.draft.version}?",
        ["Its text is deleted here, and an approval with it. It can be drafted again."],
        f"{here}/drop",
        "Drop it",
        here,
        grave=True,
    )


def _banner(text: str, draft: Draft) -> Banner:
    return Banner(text, short_reference(draft.draft_id))


def _problem(error: UpheldError) -> DraftProblem:
    return DraftProblem(0, str(error), error.hint, error.code)

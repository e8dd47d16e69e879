"""The pages of what is held, of what was done with it, and of the policy that binds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from functools import partial
from itertools import groupby
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from upheld.core.ids import EntryNumber, PersonId
from upheld.database.columns import BEGINNING, microseconds
from upheld.gate.act.request import Act, Refused
from upheld.gate.gate import Gate
from upheld.gate.log import entries
from upheld.gate.log.database_log import LogError
from upheld.gate.log.receipts import AccountLine, receipt
from upheld.gate.public import Edition, Entry, write_receipt
from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.policy.request import Decision
from upheld.practice import gag_orders, recipient_requests, threads
from upheld.practice.citations import LICENCES, VERSION
from upheld.practice.consequences import (
    Banner,
    confirmation_page,
    redirect_with_banner,
    require_confirmation,
    short_reference,
)
from upheld.practice.endpoints import Visit
from upheld.practice.plugin import Provider
from upheld.practice.reasons import refusal_reason
from upheld.practices.rights import closure, record_notes, story, value_erasure
from upheld.practices.rights.confirmations import CLOSED, close_confirmation
from upheld.practices.rights.corrections import Correctable, correctable
from upheld.practices.rights.inventory import SECRET, InventoryItem, with_derived
from upheld.practices.rights.sentences import (
    CitedClause,
    clauses,
    label,
    matches_filter,
    sentence,
    version_page,
)
from upheld.practices.rights.story import StoryEvent
from upheld.practices.rights.values_apart import Everything, read_everything
from upheld.web import kit

FILTERS: Final = (
    ("", "Everything"),
    ("disclosures", "Given to others"),
    ("staff", "Looked at by our staff"),
    ("guardian", "Looked at by a guardian"),
    ("refusals", "Refused"),
)
OWN, ACCEPTANCE = "customer-agreement", "acceptance"
_Looked = tuple[Everything, dict[str, Correctable]]
ROWS_MAX: Final = 100  # events on a page
NUMBER: Final = re.compile(r"[0-9]{1,15}")
NUMBER_MAX: Final = 10**15 - 1  # beyond the number of every entry


class EntryStep(NamedTuple):
    """An entry as it is shown."""

    number: int
    text: str
    clauses: list[CitedClause]
    refused: bool
    member: str = ""  # the code of the member of staff who did it


class EventView(NamedTuple):
    """An event as it is shown: the entry that says most, and its other entries."""

    at: datetime
    head: EntryStep
    steps: list[EntryStep]
    times: int = 1  # how often the same was given to the same recipient on its day


def policy_of(provider: Provider) -> Policy:
    """The policy in force."""
    return provider.policy


def refusal_page(provider: Provider, request: Request, what: str, refusal: Refused) -> Response:
    """A page that says what may not be done, and by which clause."""
    return provider.pages.page(
        request,
        "rights/refused.html",
        status=403,
        what=what,
        why=refusal_reason(policy_of(provider), refusal.decision),
    )


class InventoryPage:
    """What is held about me."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, visit: Visit) -> Response:
        """Each kind with its origin and clause; a value only where it was asked for."""
        pages = self.provider.change_pages

        def work(transaction: Transaction, derived: bool) -> _Looked | Refused:
            everything = read_everything(transaction, visit.subject, derived)
            if isinstance(everything, Refused):
                return everything
            changes = correctable(transaction, visit.subject, pages, derived=derived)
            return everything, {each.field: each for each in changes}

        result = await with_derived(self.provider, work)
        if isinstance(result, Refused):
            return refusal_page(
                self.provider, visit.request, "show you what we hold about you", result
            )
        choice = visit.request.query_params.get("show", "")
        (items, apart), changes = result
        groups = [(name, list(each)) for name, each in groupby(items, lambda item: item.group)]
        return self.provider.pages.page(
            visit.request,
            "rights/held.html",
            groups=groups,
            apart=apart,
            changes=changes,
            erasable=value_erasure.erasable({each.field: each.shape for each in items}),
            wanted=choice,
            secret=SECRET,
            masked=is_masked,
        )


def is_masked(item: InventoryItem, choice: str) -> bool:
    """Whether a value stays hidden."""
    return choice not in ("all", item.field)


class StoryChoice(NamedTuple):
    """Which events are asked for: of a month, or over all of them by kind, party and clause."""

    which: str
    party: str
    clause: str
    month: datetime
    following: datetime | None  # the month after
    wide: bool  # over all months
    before: int  # those that were over before this entry

    @classmethod
    def read(cls, query: Mapping[str, str], now: datetime) -> StoryChoice:
        """What an address asks for; HTTPException where there is no such thing.

        Months are those of the zone of `now`.
        """
        which, party, clause = (query.get(name, "") for name in ("which", "party", "clause"))
        month = _month(query.get("month", ""), now)
        before = query.get("before", str(NUMBER_MAX))
        if month is None or which not in dict(FILTERS) or not NUMBER.fullmatch(before):
            raise HTTPException(404)
        wide = bool(which or party or clause) and "month" not in query
        following = entries.after(month, 1, "months")
        return cls(which, party, clause, month, following, wide, int(before))

    @property
    def words(self) -> dict[str, str]:
        """What is chosen besides the month; empty for everything."""
        words = {"which": self.which, "party": self.party, "clause": self.clause}
        return {name: word for name, word in words.items() if word}

    def fits(self, line: AccountLine) -> bool:
        """Whether an entry is one of those that are asked for."""
        following = self.following
        return (
            (self.wide or (self.month <= line.at and (not following or line.at < following)))
            and matches_filter(line.entry, self.which)
            and story.is_with(line.entry, self.party)
            and (not self.clause or self.clause in line.entry.clauses)
        )

    def address(self, **others: str) -> str:
        """The address of these events."""
        month = {} if self.wide else {"month": f"{self.month:%Y-%m}"}
        return _address(**self.words, **month, **others)


class DisclosurePages:
    """What was done with it, and who received it."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, visit: Visit) -> Response:
        """Who else saw or received something, ever; then the events of a month, or of a choice.

        So many events are worded as a page has; a link leads to those before them.
        """
        clock = self.provider.clock
        choice = StoryChoice.read(visit.request.query_params, clock.local(clock.now()))
        every = await self.provider.do(
            lambda transaction: gag_orders.visible_entries(transaction, visit.subject)
        )
        told_companies = await self.provider.read(
            lambda tables: recipient_requests.of_person(tables, visit.subject)
        )
        policy = policy_of(self.provider)
        own: list[StoryEvent] = []
        events: list[StoryEvent] = []
        for each in reversed(story.events_of([line for line in every if choice.fits(line)])):
            if each.lines[-1].number < choice.before:
                (own if each.is_own and not choice.words else events).append(each)
        on_page = events[:ROWS_MAX]
        gate = self.provider.gate.gate
        notes = await self.provider.do(
            lambda transaction: _notes(
                self.provider, transaction, visit.subject, on_page, own[:ROWS_MAX]
            )
        )
        views = [_event_view(each, gate, notes) for each in on_page]
        if choice.which == "disclosures":
            views = _once(views, clock.day_of)
        rest = len(events) > len(on_page)
        following = choice.following
        return self.provider.pages.page(
            visit.request,
            "rights/received.html",
            accesses=story.accesses(every, policy),
            recipients=told_companies,
            label=partial(label, policy, "data"),
            now=clock.now(),
            days=[(day, list(some)) for day, some in groupby(views, lambda v: clock.day_of(v.at))],
            own=[_event_view(each, gate, notes) for each in own[:ROWS_MAX]],
            own_count=len(own),
            choice=choice,
            zone="UTC" if clock.zone is UTC else f"those of {clock.zone}".replace("_", " "),
            parties=story.parties_of(every, policy),
            clauses=story.clauses_of(every),
            rest=choice.address(before=str(on_page[-1].lines[-1].number)) if rest else "",
            newest=choice.address() if choice.before < NUMBER_MAX else "",
            filters=[(word, name, _address(which=word)) for word, name in FILTERS],
            earlier=_address(**choice.words, month=f"{_before(choice.month):%Y-%m}"),
            later=_address(**choice.words, month=f"{following:%Y-%m}")
            if following and following <= clock.now()
            else "",
            name=dict(FILTERS)[choice.which].lower(),
        )

    async def receipt(self, visit: Visit) -> Response:
        """The receipt of one entry, for whoever it is about, to keep and verify anywhere."""
        number = EntryNumber(visit.request.path_params["number"])
        lines = await self.provider.do(
            lambda transaction: gag_orders.visible_entries(
                transaction, visit.subject, number=number
            )
        )
        if not lines:
            raise HTTPException(404)
        gate = self.provider.gate.gate
        try:
            proof = await self.provider.run_in_thread(receipt, gate, visit.subject, number)
        except LogError:
            return self.provider.pages.page(visit.request, "rights/uncovered.html", status=409)
        return Response(
            write_receipt(proof),
            media_type=kit.JSON,
            headers={
                "content-disposition": f'attachment; filename="receipt-{number}.json"',
                "cache-control": "no-store",
            },
        )


def _notes(
    provider: Provider,
    transaction: Transaction,
    person_id: PersonId,
    events: list[StoryEvent],
    own: list[StoryEvent],
) -> dict[EntryNumber, str]:
    """What is said of events beyond their entries, from what the customer may see.

    Of records what they are about, and what practices say.
    """
    lines = [line for each in (*events, *own) for line in each.lines]
    by_record = record_notes.notes_for(transaction, person_id, lines)
    notes = {
        each.number: text for each in lines if (text := record_notes.note_of(each.entry, by_record))
    }
    for each in provider.entry_notes:
        some = [e for e in events if any(line.entry.kind in each.kinds for line in e.lines)]
        act = Act(action="view", data=each.fields, actor="customer", purpose=threads.VIEW_PURPOSE)
        if not some or not transaction.peek(person_id, act).allowed:
            continue
        look = transaction.act(act, person_id, entitled=True)
        if not isinstance(look, Refused):
            texts = each.notes([e.lines for e in some], look)
            notes |= {e.head.number: text for e, text in zip(some, texts, strict=True) if text}
    return notes


def _event_view(event: StoryEvent, gate: Gate, notes: Mapping[EntryNumber, str]) -> EventView:
    """An event in the words of the versions that decided its entries."""
    head = event.head
    return EventView(
        head.at,
        _step(head, event.title(gate.policy_behind, notes.get(head.number, "")), gate),
        [
            _step(each, _with_note(each, gate, notes), gate)
            for each in event.lines
            if each is not head
        ],
    )


def _with_note(line: AccountLine, gate: Gate, notes: Mapping[EntryNumber, str]) -> str:
    text = sentence(line.entry, gate.policy_behind(line.entry))
    return f"{text} {notes.get(line.number, '')}".rstrip()


def _step(line: AccountLine, text: str, gate: Gate) -> EntryStep:
    entry = line.entry
    kind, _, name = entry.actor.partition(" ")
    return EntryStep(
        line.number,
        text,
        _clauses_of(entry, gate),
        entry.kind == "refusal",
        story.staff_code(name) if kind == story.STAFF else "",
    )


def _clauses_of(entry: Entry, gate: Gate) -> list[CitedClause]:
    """The clauses of an entry, in the words of the version or licence that decided it."""
    if (behind := gate.licence_behind(entry)) is not None:
        its, document = behind
        return clauses(document, entry.clauses, f"{LICENCES}/{its.number}")
    return clauses(gate.policy_behind(entry), entry.clauses, version_page(gate, entry))


def _once(events: list[EventView], day_of: Callable[[datetime], date]) -> list[EventView]:
    """Merge events of one day with the same text into the latest, and count them in `times`."""
    merged: dict[tuple[object, str], EventView] = {}
    for each in events:  # the latest first, so that the one that stays is the first
        key = day_of(each.at), each.head.text
        latest = merged.get(key)
        merged[key] = (
            latest._replace(
                times=latest.times + 1,
                steps=[*latest.steps, each.head._replace(text="The same."), *each.steps],
            )
            if latest
            else each
        )
    return list(merged.values())


def _month(text: str, now: datetime) -> datetime | None:
    """The start of the month `YYYY-MM`; None if that is not a month, or not one of the past."""
    if not text:
        return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    try:
        month = datetime.strptime(text, "%Y-%m").replace(tzinfo=now.tzinfo)
    except ValueError:
        return None
    return month if BEGINNING < month <= now else None


def _before(month: datetime) -> datetime:
    return month.replace(year=month.year - (month.month == 1), month=(month.month - 2) % 12 + 1)


def _address(**query: str) -> str:
    text = urlencode({name: value for name, value in query.items() if value})
    return "/me/privacy/received" + (f"?{text}" if text else "")


class AgreementPages:
    """Which version of the policy binds me, what I accepted, and how to stop."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, visit: Visit) -> Response:
        """The version in force, why it binds, and every acceptance with its digests."""

        def work(
            transaction: Transaction,
        ) -> tuple[Decision, list[AccountLine], bool, datetime | None, Edition | None]:
            accepted = [
                each
                for each in gag_orders.visible_entries(transaction, visit.subject)
                if each.entry.kind == ACCEPTANCE
            ]
            own, _ = transaction.records_of([visit.subject], [OWN])
            at = microseconds(transaction.clock.now())
            return (
                transaction.peek(visit.subject, Act(action="bind")),
                accepted,
                any(each.in_force(at) for each in own),
                closure.closed_at(transaction, visit.subject),
                next(iter(transaction.binding_versions(visit.subject)[:-1]), None),
            )

        decision, accepted, own, closed, older = await self.provider.do(work)
        policy = policy_of(self.provider)
        cited = clauses(policy, decision.clauses)
        return self.provider.pages.page(
            visit.request,
            "rights/policy.html",
            front=policy.front,
            digest=policy.digest,
            accepted=list(_acceptances(accepted)),
            closed=closed,
            own=own,
            older=older,
            but=_under(policy, decision.clauses),
            cited=[each for each in cited if each.text],
        )

    async def ask(self, visit: Visit) -> Response:
        """What closing the account means, before it is done."""
        question = await self.provider.do(
            lambda transaction: close_confirmation(transaction, visit.subject)
        )
        return confirmation_page(self.provider, visit.request, visit.session, question)

    async def close(self, visit: Visit) -> Response:
        """Close the account, once that was confirmed."""
        events = self.provider.events

        def work(transaction: Transaction) -> str:
            transaction.lock(visit.subject)
            if closure.closed_at(transaction, visit.subject) is not None:
                return ""
            question = close_confirmation(transaction, visit.subject)
            require_confirmation(self.provider, transaction.tables, visit, question)
            return closure.close(transaction, events, visit.subject)

        record_id = await self.provider.do(work)
        if not record_id:
            return RedirectResponse(CLOSED, 303)
        banner = Banner(
            "You closed your account. All your services have ended.", short_reference(record_id)
        )
        return redirect_with_banner(self.provider, visit.session, CLOSED, banner)


def _under(policy: Policy, ids: tuple[str, ...]) -> list[CitedClause]:
    """The items of the lists that some clauses introduce."""
    all_ = policy.program.clauses
    return clauses(policy, [c.id for c in all_ if c.parent >= 0 and all_[c.parent].id in ids])


def _acceptances(lines: list[AccountLine]) -> Iterator[dict[str, Any]]:
    for each in reversed(lines):
        digests = [d for d in each.entry.evidence if len(d) == 64]
        yield {
            "at": each.at,
            "policy": each.entry.policy,
            "besides": [d for d in digests if d != each.entry.policy],
            "version": next(
                (e.removeprefix(VERSION) for e in each.entry.evidence if e.startswith(VERSION)), ""
            ),
        }

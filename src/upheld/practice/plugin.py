"""What a practice brings to the running provider, and what it is given."""

from __future__ import annotations

import asyncio
import logging
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from markupsafe import Markup
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from upheld.core.clock import Clock
from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId, TaskId
from upheld.core.settings import Settings
from upheld.database.own_tables import Tables
from upheld.gate.act.duties import DutyCondition, DutyHandler
from upheld.gate.act.erasure_hooks import ErasureHook, ErasuresHook, LeftToErasure
from upheld.gate.act.request import ActResult, Refused
from upheld.gate.async_gate import AsyncGate
from upheld.gate.evidence.carry_forward import CarryForward
from upheld.gate.evidence.derived_fields import Derivation as Derive
from upheld.gate.evidence.field_values import ValueReader
from upheld.gate.evidence.provers import OwnTable, Prover
from upheld.gate.gate import Gate
from upheld.gate.operations import watching
from upheld.gate.operations.jobs import Job
from upheld.gate.public import SealError
from upheld.gate.sealing import Sealer
from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.practice.day_events import DayEvents
from upheld.practice.entry_notes import EntryNotes
from upheld.practice.events import Events
from upheld.practice.intake_register import IntakeSource
from upheld.practice.needs import can_ever
from upheld.practice.operators import MANAGER, User
from upheld.practice.own_rows import RowIntake, RowsOf, RowsSince, RowsToSuccessor
from upheld.practice.page_groups import MonthOfPages, RecentPages
from upheld.practice.purchases import PurchaseApproval, Seller
from upheld.practice.stock import StockSource
from upheld.practice.transparency import TransparencySource
from upheld.web.limits import Limits
from upheld.web.pages import STARTS, Imprint, Pages, format_time
from upheld.web.sessions import Tokens

T = TypeVar("T")
CHANGED_MAX = 20  # alarms of changed rows that are kept in mind; the log has all
_LOG = logging.getLogger("upheld")


class PendingAction(NamedTuple):
    """Something that waits for somebody: a sentence, where to do it, and where all are listed."""

    sentence: str
    title: str
    href: str
    listed_at: str = ""


class Figure(NamedTuple):
    """Something at a glance on a customer's first page: what it is, how it stands, where more is.

    `picture` is made by the program itself, and says nothing that `detail` does not.
    """

    title: str
    value: str
    detail: str
    href: str
    order: int = 50
    picture: Markup = Markup("")
    alarming: bool = False


class MenuEntry(NamedTuple):
    """An entry of a menu: `kind` says whose (customer, staff, agent), `order` where it stands.

    One of `everybody` stands at the foot of every page. One without a `line` is a part of its
    section alone, and no entry of the list on the first page. `roles` are those of staff whose it
    is, where it is not everybody's.
    """

    kind: str
    title: str
    href: str
    line: str
    order: int = 50
    bar: bool = False  # whether it also stands in the bar of every page
    roles: tuple[str, ...] = ()
    needs: str = ""  # a question; the entry is left out where the policy never says yes to it
    under: str = ""  # the address in the bar whose part it is; the first page's, where none is said
    part: str = ""  # its title among the parts of its section, where that is another

    @property
    def section(self) -> str:
        """The address of the link of the bar under which it stands, or its own there."""
        return self.href if self.bar else self.under or STARTS.get(self.kind, ("", ""))[1]

    def is_for(self, roles: Sequence[str]) -> bool:
        """Whether it is for somebody of these roles."""
        return not self.roles or bool({*self.roles} & {*roles})


class MessageLink(NamedTuple):
    """A link in messages: its path, and for how long it works; one that is not `sealed`, once.

    One that `outlives` its person works when they are erased: it names what stands for them in the
    list of erasures, and no id. A `sealed` one is kept nowhere: it works again and again, for as
    long as its page lets it, and says to nobody else whose it is.
    """

    path: str
    lasts: timedelta
    outlives: bool = False
    sealed: bool = False


class PageBefore(NamedTuple):
    """A page that a customer is shown once before they go on using our services.

    It never stands before what is nobody's service: paying, closing the account, rights, help.
    """

    path: str
    is_due: Callable[[PersonId], Awaitable[bool]]


OtherPerson = Callable[[Tables, PersonId], PersonId | None]
AccountNumber = Callable[[Tables, PersonId], str | None]
CustomerActions = Callable[[Transaction, PersonId], list[PendingAction]]
DeskActions = Callable[[Tables, User], list[PendingAction]]
Finder = Callable[[Transaction, str], list[PersonId]]  # the ids of the people whom a word names


class Practice(NamedTuple):
    """Everything that one practice brings; each part is optional."""

    name: str
    routes: Sequence[BaseRoute] = ()
    menu: Sequence[MenuEntry] = ()
    destinations: Mapping[str, str] = {}  # word of the sign-in's address, to path
    provers: Mapping[str, tuple[Prover, tuple[str, ...]]] = {}  # kind of proof, to prover, fields
    # Kind of proof, to the kinds of the registers' records that its prover reads besides.
    prover_registers: Mapping[str, tuple[str, ...]] = {}
    prover_tables: Mapping[str, Sequence[OwnTable]] = {}  # kind of proof, to its `own_tables`
    duty_handlers: Mapping[str, DutyHandler] = {}  # duty, to who carries it out
    action_duties: Mapping[
        str, Mapping[str, DutyHandler]
    ] = {}  # action, to the duties that it carries out for acts of that one alone
    wrappers: Sequence[Callable[[ASGIApp], ASGIApp]] = ()  # put around all pages
    arrival_duties: Sequence[str] = ()  # duties that it carries out for people nobody knows by name
    duty_conditions: Mapping[
        str, DutyCondition
    ] = {}  # duty that it carries out for some acts alone, to whether for this one
    derived_fields: Mapping[
        str, tuple[tuple[str, ...], Derive]
    ] = {}  # field, to the fields it is of
    before_erasure: ErasureHook | None = None  # what is done for somebody before they are erased
    before_erasures: ErasuresHook | None = None  # for many of them together, after that
    after_erasure: ErasureHook | None = None  # and after it, where something is kept of them
    left_to_erasure: LeftToErasure | None = None  # who can still take their erasure back
    carry_forward: Mapping[
        str, CarryForward
    ] = {}  # series, to who says what stays when its oldest rows go
    field_readers: Mapping[
        str, ValueReader
    ] = {}  # fields that it writes itself, to how it reads a value
    jobs: Sequence[Job] = ()
    links: Mapping[str, MessageLink] = {}
    listeners: Mapping[
        str, Callable[[Transaction, PersonId, str], None]
    ] = {}  # event, to who hears of it
    announces: Sequence[str] = ()  # events of its own, which other practices may listen to
    entry_sentences: Mapping[str, str] = {}  # kinds of entries of its own, to what happened
    entry_notes: EntryNotes | None = None  # what it adds to entries where they are told
    pending_actions: CustomerActions | None = None  # what waits for a customer
    home_fields: Sequence[str] = ()  # kinds of data that its figures of the first page come from
    home_figures: Callable[[Transaction, PersonId, ActResult | None], list[Figure]] | None = (
        None  # its figures, by what the customer may see of those fields (None where nothing)
    )
    manager_actions: Callable[[Tables], list[PendingAction]] | None = None  # what they look at
    desk_actions: DeskActions | None = None  # what waits for one of our staff, by their roles
    payer: OtherPerson | None = None  # who pays for their use
    account_number: AccountNumber | None = None  # of the account that somebody has
    seller: Seller | None = None  # what is ordered and paid for each month
    purchase_approval: PurchaseApproval | None = None  # whose yes an order waits for
    guardian_of: OtherPerson | None = None  # who says yes for whoever is in somebody's care
    wards_of: Callable[[Tables, PersonId], list[PersonId]] | None = None  # who is in their care
    order_bar: Callable[[Transaction, PersonId, str], str] | None = None  # why one cannot order it
    finders: Mapping[str, Finder] = {}  # what a customer is looked for by, to who finds them
    change_pages: Mapping[str, str] = {}  # kind of data, to the one page on which it is changed
    actions: Sequence[str] = ()  # the actions that it asks the policy for
    recorded_facts: Sequence[str] = ()  # the facts of which it keeps records
    task_pages: Mapping[str, str] = {}  # kind of task, to the path of its own page, with {task}
    duty_pages: Mapping[str, str] = {}  # action that is owed, to the page where staff work on it
    reply_addresses: Mapping[
        str, Callable[[Mapping[str, str]], str]
    ] = {}  # template of a message, to the address for replies to it, by the message's words
    outward_links: Callable[[Transaction], Iterable[str]] | None = (
        None  # the addresses outside to which its pages lead
    )
    settled_on_page: Sequence[str] = ()  # kinds of task that only their own page can close
    home_insert: Callable[[PersonId, bytes], Awaitable[Markup]] | None = (
        None  # what stands below a customer's first page, by whose it is and the key of a session
    )
    page_before: PageBefore | None = None  # what a customer is shown before they use a service
    intake: IntakeSource | None = None  # what comes in of people without their typing it
    stock: StockSource | None = None  # what it keeps of people besides their values, counted
    due_stock: StockSource | None = None  # the same, exactly as its job goes, where that takes long
    transparency: TransparencySource | None = None  # what the transparency report counts of it
    month_of_pages: MonthOfPages | None = None  # which pages people looked at in a month
    recent_pages: RecentPages | None = None  # which pages people looked at since a day
    day_events: Mapping[str, DayEvents] = {}  # kind of data, to who tells what happened
    own_rows: Mapping[str, RowsOf] = {}  # kinds of data of which it has rows in tables of its own
    own_rows_after_silence: Mapping[
        str, RowsSince
    ] = {}  # of these, what is told of since a silence
    rows_to_successor: RowsToSuccessor | None = None  # of these, what goes with accounts
    row_intakes: Mapping[str, RowIntake] = {}  # kinds whose rows it takes in with accounts


def _count_nothing(name: str, **labels: str) -> None:
    """Count nothing, where no service could show the counts."""


class Provider:
    """The running provider, as its practices see it."""

    def __init__(self, gate: AsyncGate, settings: Settings, imprint: Imprint, pages: Pages) -> None:
        self.gate, self.settings, self.imprint, self.pages = gate, settings, imprint, pages
        self.tokens = Tokens(self.sealer("web", "csrf").mark)
        self.limits = Limits(self.sealer("web", "limits").mark)
        self.events = Events()
        self.practices: list[Practice] = []
        self.count: Callable[..., None] = _count_nothing  # a metric, where the provider is served
        self.signalled_sessions = set[bytes]()  # whose privacy signal was noted already
        self._changed: dict[str, datetime] = {}  # which rows are not as written, and since when

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self.gate.gate.policy

    @property
    def clock(self) -> Clock:
        """The gate's clock."""
        return self.gate.gate.clock

    def sealer(self, purpose: str, *more: str) -> Sealer:
        """What seals and marks for a purpose of a practice's own, under a key never shown."""
        return self.gate.gate.sealer(purpose, *more)

    @property
    def secure(self) -> bool:
        """Whether people reach the provider over TLS, so that cookies may be kept to it."""
        return self.settings.url.startswith("https://")

    def seal_link(self, kind: str, person_id: PersonId) -> str:
        """The last part of a sealed link's address."""
        sealed = self.sealer("link", kind).seal(person_id.encode(), "link", kind)
        return urlsafe_b64encode(sealed).decode().rstrip("=")

    def link_owner(self, kind: str, raw: str) -> PersonId | None:
        """The id of the person that a sealed link names; None where we did not seal it."""
        try:
            sealed = urlsafe_b64decode(raw + "=" * (-len(raw) % 4))
            return PersonId(self.sealer("link", kind).unseal(sealed, "link", kind).decode())
        except (ValueError, SealError):
            return None

    @property
    def destinations(self) -> dict[str, str]:
        """The paths to which a customer's sign-in may redirect, by a word for each."""
        return {word: path for each in self.practices for word, path in each.destinations.items()}

    def sign_in_targets(self, kind: str) -> dict[str, str]:
        """The paths to which the sign-in of a kind of visitor may redirect, by a word for each."""
        if kind == "customer":
            return self.destinations
        return {card.href.rsplit("/", 1)[-1]: card.href for card in self.menu(kind)}

    def find_people(self, transaction: Transaction, what: str, value: str) -> list[PersonId]:
        """The ids of the people whom a value names, such as the number of an account."""
        finders = (each.finders[what] for each in self.practices if what in each.finders)
        return [person for finder in finders for person in finder(transaction, value)]

    @property
    def change_pages(self) -> dict[str, str]:
        """The path of the one page that changes a kind of data, for each kind that has one."""
        return {field: path for each in self.practices for field, path in each.change_pages.items()}

    def reply_address(self, template: str, words: Mapping[str, str]) -> str:
        """The address for replies to a message of a template; empty for that of who writes it."""
        for each in self.practices:
            if template in each.reply_addresses:
                return each.reply_addresses[template](words)
        return ""

    def task_page(self, kind: str, task_id: TaskId) -> str:
        """The path of the page for a kind of task; empty where no practice has one."""
        for each in self.practices:
            if kind in each.task_pages:
                return each.task_pages[kind].replace("{task}", task_id)
        return ""

    def duty_page(self, action: str) -> str:
        """The path of the page where staff work on an owed action; empty where there is none."""
        return next((p.duty_pages[action] for p in self.practices if action in p.duty_pages), "")

    def is_settled_on_page(self, kind: str) -> bool:
        """Whether a kind of task is closed by what is done on its own page, and nowhere else."""
        return any(kind in each.settled_on_page for each in self.practices)

    async def page_before(self, person_id: PersonId) -> str:
        """The path of what a customer is shown before they use a service; empty for nothing."""
        for each in self.practices:
            if each.page_before is not None and await each.page_before.is_due(person_id):
                return each.page_before.path
        return ""

    @property
    def jobs(self) -> list[Job]:
        """The jobs of all practices."""
        return [job for each in self.practices for job in each.jobs]

    async def alarms(self) -> list[str]:
        """What whoever runs the provider must look into at once, a sentence each."""
        sentences = await asyncio.to_thread(self.gate.gate.log_state.alarms, self.now())
        zone = self.gate.gate.clock.zone
        sentences += await asyncio.to_thread(_not_whole, self.gate.gate)
        return sentences + [
            f"{what[:1].upper()}{what[1:]}. It was met first on"
            f" {format_time(since.astimezone(zone))}, and what rests on it is refused. A"
            " manager can look everything through under Safeguards."
            for what, since in self._changed.items()
        ]

    def report_changed_row(self, error: UpheldError) -> None:
        """Report a row that is not as it was written: in the log, a metric and an alarm.

        Its words tell a table and an id alone.
        """
        _LOG.error("not whole: %s", str(error))
        self.count("upheld_changed_rows_total")
        if len(self._changed) < CHANGED_MAX:
            self._changed.setdefault(str(error), self.now())

    def now(self) -> datetime:
        """The time by the gate's clock."""
        return self.gate.gate.clock.now()

    def today(self) -> date:
        """The day by the gate's clock."""
        return self.gate.gate.clock.today()

    def menu(self, kind: str, *, include_off: bool = False) -> list[MenuEntry]:
        """The menu of a kind of visitor, in order, without what the policy switches off."""
        policy = self.gate.gate.policy
        entries = [
            card
            for each in self.practices
            for card in each.menu
            if card.kind == kind and (include_off or not card.needs or can_ever(policy, card.needs))
        ]
        return sorted(entries, key=lambda card: (card.order, card.title))

    def pending_actions(self, transaction: Transaction, person_id: PersonId) -> list[PendingAction]:
        """What a customer has to do, from all practices."""
        return [
            todo
            for each in self.practices
            if each.pending_actions
            for todo in each.pending_actions(transaction, person_id)
        ]

    @property
    def entry_notes(self) -> list[EntryNotes]:
        """What practices can say of entries beyond what these say themselves."""
        return [each.entry_notes for each in self.practices if each.entry_notes is not None]

    @property
    def home_fields(self) -> list[str]:
        """The kinds of data that the figures of the first page come from, without those unknown."""
        words = self.policy.program.vocabulary.tree("data")
        return [word for each in self.practices for word in each.home_fields if word in words]

    def home_figures(
        self, transaction: Transaction, person_id: PersonId, values: ActResult | None
    ) -> list[Figure]:
        """What a customer sees at a glance, from all practices, in order."""
        figures = [
            figure
            for each in self.practices
            if each.home_figures
            for figure in each.home_figures(transaction, person_id, values)
        ]
        return sorted(figures, key=lambda figure: (figure.order, figure.title))

    async def home_inserts(self, person_id: PersonId, session: bytes) -> list[Markup]:
        """What practices put below a customer's first page; `session` is its session's key."""
        inserts = (each.home_insert for each in self.practices if each.home_insert)
        return [html for insert in inserts if (html := await insert(person_id, session))]

    def desk_actions(self, tables: Tables, user: User) -> list[PendingAction]:
        """What waits for a member of staff, from all practices."""
        actions = list[PendingAction]()
        for each in self.practices:
            if each.manager_actions and MANAGER in user.roles:
                actions += each.manager_actions(tables)
            if each.desk_actions:
                actions += each.desk_actions(tables, user)
        return actions

    @property
    def seller(self) -> Seller | None:
        """The practice that sells what is paid for each month; None where none does."""
        return next((each.seller for each in self.practices if each.seller), None)

    def approval_for(self, tables: Tables, person_id: PersonId) -> PurchaseApproval | None:
        """By which practice what somebody orders waits for a yes; None if it waits for nobody."""
        approvals = (each.purchase_approval for each in self.practices if each.purchase_approval)
        return next((each for each in approvals if each.is_needed(tables, person_id)), None)

    def guardian_of(self, tables: Tables, person_id: PersonId) -> PersonId | None:
        """In whose care somebody is; None where they are in nobody's."""
        finders = (each.guardian_of for each in self.practices if each.guardian_of)
        return next((who for find in finders if (who := find(tables, person_id))), None)

    def wards_of(self, tables: Tables, guardian_id: PersonId) -> list[PersonId]:
        """Who is in somebody's care."""
        finders = (each.wards_of for each in self.practices if each.wards_of)
        return [ward for find in finders for ward in find(tables, guardian_id)]

    def order_bar(self, transaction: Transaction, person_id: PersonId, service: str) -> str:
        """Why somebody cannot order a service, as a sentence to them; empty where they can."""
        bars = (
            each.order_bar(transaction, person_id, service)
            for each in self.practices
            if each.order_bar
        )
        return next((bar for bar in bars if bar), "")

    def payer_of(self, tables: Tables, person_id: PersonId) -> PersonId:
        """The id of whoever pays for what a person uses: an account's holder, or the person."""
        payers = (each.payer(tables, person_id) for each in self.practices if each.payer)
        return next((payer for payer in payers if payer), person_id)

    def account_number(self, tables: Tables, person_id: PersonId) -> str | None:
        """The number of somebody's account, for what is never shown to others; None for none."""
        some = (each.account_number for each in self.practices if each.account_number)
        return next((number for read in some if (number := read(tables, person_id))), None)

    async def do(self, work: Callable[[Transaction], T]) -> T:
        """Do a piece of work in a transaction of the gate; its result, once that is durable.

        Raises Refused where it gives a refusal; a work that raises leaves nothing.
        """
        result: T = await self.gate.do(work)
        return result

    async def attempt(self, work: Callable[[Transaction], T]) -> T | Refused:
        """Do a piece of work in a transaction of the gate; its result, or the refusal it raised."""
        try:
            return await self.do(work)
        except Refused as refusal:
            return refusal

    async def read(self, work: Callable[[Tables], T]) -> T:
        """Read what is not personal, such as sessions, tasks and the states of accounts."""

        def reads() -> T:
            with self.gate.gate.look() as tables:
                return work(tables)

        return await asyncio.to_thread(reads)

    async def run_in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        """Call what takes long and needs no transaction in a thread, such as hashing a password."""
        return await asyncio.to_thread(work, *arguments)


PracticeFactory = Callable[[Provider], Practice]


def _not_whole(gate: Gate) -> list[str]:
    """A sentence each for changed rows that were found, and for people whom a job set aside."""
    findings, set_aside = watching.counts(gate)
    return [
        f"{text}. Those who watch see under Watch what it is, whose, and since when."
        for many, text in (
            (findings, f"Not whole: {findings:,} in our database"),
            (set_aside, f"Set aside by a job, which has done everybody else: {set_aside:,}"),
        )
        if many
    ]

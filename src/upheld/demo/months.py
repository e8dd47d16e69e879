"""Two years of a made-up provider, month by month, done as the provider itself would do it.

Everything is an act of the practices at the gate, under a clock that stands at the moment that is
being told: people sign up and order, invoices are made and paid, use is counted, messages go out.
Many acts share a transaction, because nobody waits for them one by one. What was written to those
whose messages nobody will look at is dropped instead of sent.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Final, NamedTuple

from upheld.core.clock import Clock
from upheld.core.errors import UpheldError
from upheld.core.ids import NOBODY, PersonId
from upheld.database.tables import microseconds
from upheld.demo.names import Persona
from upheld.gate.act.request import Act, Refused
from upheld.gate.transaction import GateTransaction
from upheld.practice import cards, outbox
from upheld.practice.cards import Card, ChargeResult
from upheld.practice.invitations import Invitation
from upheld.practice.plugin import Provider
from upheld.practices.accounts import domain as accounts
from upheld.practices.accounts.registration import Applicant, register
from upheld.practices.billing import invoices, services, usage
from upheld.practices.billing.invoices import Invoices
from upheld.practices.billing.payments import Payments
from upheld.practices.billing.plans import catalogue
from upheld.practices.billing.proration import Month, month_of
from upheld.practices.billing.sandbox import Sandbox

MONTHS: Final = 24
TOGETHER: Final = 40  # people in one transaction
FIRST, COUNTED, JOINING, PAYING = 1, 2, 5, 10  # days of the month
RUNNING: Final = 3  # days ago until which the use of the running month is counted
DAYS: Final = 30  # of a month, about
LOOKED_AFTER: Final = (8, 15, 22)  # on which days unpaid invoices are looked at
_USE: Final = {  # of a service in a month: gigabytes and hours; a phone is not counted
    "dsl": (90.0, 210.0),
    "fibre": (340.0, 260.0),
    "hosting": (12.0, 720.0),
    "mail": (1.5, 19.0),
}


class DemoError(UpheldError):
    """Something that the policy refused while the demonstration was built."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(
            f"the demonstration cannot be built: {refused.why}",
            code="demo",
            hint="the sample policy was changed; take it as it came",
        )


def done(outcome: object) -> None:
    """DemoError where the policy refused what was to be done."""
    if isinstance(outcome, Refused):
        raise DemoError(outcome)


def month_number(today: date, number: int) -> Month:
    """A month by its number; the last is the present one."""
    at = today.year * 12 + today.month - MONTHS + number
    return month_of(date(at // 12, at % 12 + 1, 1))


class SetClock(Clock):
    """A clock that stands where it is set, until the real one takes its place."""

    def __init__(self, at: datetime) -> None:
        # As if that much time had passed indeed.
        super().__init__(self._microseconds, self._microseconds)
        self.at = at

    def _microseconds(self) -> int:
        return microseconds(self.at) * 1000


class Member:
    """A customer of the demonstration, and how they behave."""

    def __init__(
        self, applicant: Persona, month: int, plans: tuple[str, ...], *, on_page: bool = False
    ) -> None:
        """`month` is the one in which they sign up; `on_page` says that somebody looks at them."""
        self.persona, self.month, self.plans, self.on_page = applicant, month, plans, on_page
        self.id = PersonId("")
        self.pays_until = MONTHS  # the month from which on they pay nothing
        self.payer = True  # whether the invoices are their own
        self.invited = False  # whether they sign up by an invitation, which is a scene of its own


class Step(NamedTuple):
    """Something that happened at a moment; `weight` is to how many people."""

    at: datetime
    order: int
    work: Callable[[], object]
    weight: int = 1


Progress = Callable[[int, int], None]  # how much is done, of how much


def untold(_done: int, _total: int) -> None:
    """Nobody waits for it."""


class Years:
    """The two years, as they are told."""

    def __init__(
        self,
        provider: Provider,
        members: list[Member],
        secret: str,
        random: Random,
        progress: Progress = untold,
    ) -> None:
        """`secret` is the hash of the one password that everybody has."""
        self.provider, self.members, self.secret, self.random = provider, members, secret, random
        self.gate = provider.gate.gate
        self.real = self.gate.context.clock
        self.end = self.real.now()
        self.clock = SetClock(self.end)
        self.gate.context = self.gate.context.by(self.clock)
        self.policy = provider.policy
        plans = catalogue(provider.settings.plans)
        self.plans, self.invoices = plans, Invoices(provider, plans)
        self.payments = Payments(provider, Sandbox(provider))
        self.jobs = {job.name: job for each in provider.practices for job in each.jobs}
        self.agreement = ""
        self.steps: list[Step] = []
        self.progress, self.reached, self.total = progress, 0, 1

    # When

    def month(self, number: int) -> Month:
        """A month by its number; the last is the present one."""
        return month_number(self.end.date(), number)

    def plan(
        self, day: date, work: Callable[[], object], hour: int = 9, *, weight: int = 1
    ) -> None:
        """Let something happen on a day, unless it has not come yet."""
        at = datetime.combine(day, time(hour), UTC)
        if at < self.end:
            self.steps.append(Step(at, len(self.steps), work, weight))

    def plan_transaction(
        self, day: date, work: Callable[[GateTransaction], object], hour: int = 9
    ) -> None:
        """Plan a piece of work that gets a transaction of its own."""

        def apart() -> None:
            with self.gate.together() as transaction:
                done(work(transaction))

        self.plan(day, apart, hour)

    def ago(self, days: int) -> date:
        """A day before today."""
        return self.end.date() - timedelta(days=days)

    def tell(self) -> None:
        """Let everything happen in its order; then the clock is the real one."""
        for number in range(MONTHS):
            self._month(number)
        until = self.ago(RUNNING)
        if month_of(until) == self.month(MONTHS - 1):
            self.plan(until, lambda: self.count_until(until), 3, weight=len(self.members))
        self.total, reached = sum(step.weight for step in self.steps), 0
        for step in sorted(self.steps, key=lambda each: each[:2]):
            self.clock.at = step.at
            step.work()
            reached += step.weight
            self._reach(reached)
        self.gate.context = self.gate.context.by(self.real)

    def _month(self, number: int) -> None:
        first = self.month(number).first
        before = self.month(number - 1)
        here = sum(each.month < number for each in self.members)
        new = sum(each.month == number for each in self.members)
        for day, work, hour, weight in (
            (FIRST, lambda: self.bill(number, before), 6, here),
            (COUNTED, lambda: self.count(number, before), 3, here),
            (JOINING, lambda: self.sign_up(number), 10, new),
            (PAYING, lambda: self.pay(number), 18, here),
        ):
            self.plan(first.replace(day=day), work, hour, weight=weight)
        if any(each.pays_until <= number for each in self.members):
            for day in LOOKED_AFTER:
                self.plan(first.replace(day=day), self.look_after, 7)

    # What

    def some(self, members: list[Member], work: Callable[[GateTransaction, Member], None]) -> None:
        """Do something for some members, many in a transaction; what nobody reads is dropped."""
        for start in range(0, len(members), TOGETHER):
            with self.gate.together() as transaction:
                for member in members[start : start + TOGETHER]:
                    work(transaction, member)
                    if not member.on_page:
                        outbox.cancel(transaction, member.id)
            self._reach(self.reached + len(members[start : start + TOGETHER]))
        self.deliver()

    def _reach(self, reached: int) -> None:
        """Tell whoever waits how far it is."""
        self.reached = reached
        self.progress(min(reached, self.total), self.total)

    def deliver(self) -> None:
        """Send what waits."""
        while self.jobs["outbox"].run(self.gate):
            pass

    def here(self, number: int) -> list[Member]:
        """Who signed up before a month."""
        return [each for each in self.members if each.id and each.month < number]

    def sign_up(self, number: int) -> None:
        """Let everybody sign up whose month it is, and order what they have."""
        self.some([m for m in self.members if m.month == number and not m.invited], self.enter)

    def enter(
        self, transaction: GateTransaction, member: Member, invitation: Invitation | None = None
    ) -> None:
        """Let somebody sign up, confirm their address, order, and leave a card."""
        applicant = Applicant(member.persona.answers, self.secret, self.agreement, invitation)
        member.id = register(self.provider, transaction, applicant) or NOBODY
        accounts.verify(transaction, member.id)
        for plan in member.plans:
            done(services.order(transaction, member.id, self.plans[plan]))
        member.payer = invitation is None
        if member.payer and member.plans:
            last, until = f"{self.random.randint(0, 9999):04}", f"{self.end.year + 4}-08"
            card = Card(f"demo-{member.id[:16]}", last, "Visa", until)
            done(cards.store_card(transaction, member.id, card))

    def bill(self, number: int, before: Month) -> None:
        """Make the invoices of the month before."""
        self.some(
            self.here(number),
            lambda transaction, m: self.invoices.invoice(transaction, m.id, before),
        )

    def count(self, number: int, before: Month) -> None:
        """Note what was used in the month before."""
        self.some(self.here(number), lambda transaction, m: self._used(transaction, m, before))

    def count_until(self, day: date) -> None:
        """Note what was used in the running month until a day."""
        month = self.month(MONTHS - 1)
        self.some(
            self.here(MONTHS - 1),
            lambda transaction, m: self._used(transaction, m, month, day.day / DAYS),
        )

    def _used(
        self, transaction: GateTransaction, member: Member, month: Month, part: float = 1.0
    ) -> None:
        """Note what somebody used in a `part` of a month; nothing where the policy forbids it."""
        noting = Act(
            action="collect",
            data=(usage.USAGE,),
            source="customer",
            occasion="service-use",
            purpose="billing",
        )
        if not transaction.peek(member.id, noting).allowed:
            return
        services = [
            service for plan in member.plans if (service := self.plans[plan].service) in _USE
        ]
        rows = [
            usage.UsageRow(
                month.word,
                each,
                *(round(much * self.random.uniform(0.4, 1.3) * part, 1) for much in _USE[each]),
            )
            for each in services
        ]
        outcome = usage.note_usage(transaction, member.id, rows) if rows else None
        if outcome and transaction.may_store(member.id, usage.USAGE, "billing").allowed:
            done(outcome)  # nothing is stored of whoever waits to be erased

    def pay(self, number: int) -> None:
        """Let everybody pay what they owe, but those who do not."""
        paying = [m for m in self.here(number) if m.payer and number < m.pays_until]
        self.some(paying, self.settle)

    def settle(self, transaction: GateTransaction, member: Member) -> None:
        """Let somebody pay all that they owe."""
        history = invoices.history_of(transaction, member.id)
        if isinstance(history, Refused) or history.balance <= 0:
            return
        key = f"{self.random.getrandbits(128):032x}"
        payment = self.payments.begin(transaction, member.id, key, history.balance, "", "")
        done(payment)
        charge = ChargeResult(paid=True, reference=f"demo-{key[:12]}")
        done(self.payments.finish(transaction, member.id, key, charge))

    def look_after(self) -> None:
        """Do what is due about invoices that nobody paid."""
        self.jobs["due invoices"].run(self.gate)
        self.deliver()

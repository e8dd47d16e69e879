"""What happens to some of the people: so that every page of the provider has something to show.

A household, a minor and her guardian, permissions given and taken back, opt-outs, three debts (one
in the queue, one with an agent, one paid and not confirmed), tickets, and requests that wait.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from upheld.demo.months import MONTHS, Member, Years, done
from upheld.gate.act.request import Refused
from upheld.gate.transaction import Joint
from upheld.practice import invitations, operators, outbox, tasks
from upheld.practice.invitations import GUARDIAN, HOUSEHOLD
from upheld.practice.operators import User
from upheld.practices.billing import debts
from upheld.practices.billing.invoices import DEBT
from upheld.practices.guardians import domain as guardians
from upheld.practices.rights import choices, closure, corrections, erasure, requests, signals
from upheld.practices.rights.choices import Permission
from upheld.practices.staff import people
from upheld.vault.people import REGISTER
from upheld.web import totp
from upheld.web.passwords import hashed

AGENCY, PROCESSOR, PARTNER = "harbour-collections", "sandbox-payments", "northern-mail"
PASSWORD: Final = "made up for the demo"  # noqa: S105 - everybody's, and nobody's anywhere else
TICKETS: Final = (
    ("trouble", "support", "support"),
    ("question", "service-provision", "support"),
    ("invoice", "billing", "billing"),
    ("trouble", "support", "support"),
    ("takeover", "security", "security"),
)


class Scenes:
    """The people with names, and what happens to them."""

    def __init__(self, years: Years, named: Mapping[str, Member]) -> None:
        self.years, self.named = years, named
        self.staff: dict[str, tuple[User, str]] = {}

    def id(self, word: str) -> str:
        """The id of somebody with a name."""
        return self.named[word].id

    def user(self, sign_in: str) -> str:
        """The id of somebody who works at a desk."""
        return self.staff[sign_in][0].user_id

    def plan(self) -> None:
        """Let all of it happen when it is its time."""
        years = self.years
        years.plan_joint(years.month(0).first, self._registers, 1)
        years.plan_joint(years.month(0).first, self._desks, 2)
        self._family()
        self._choices()
        self._debts()
        self._last_days()

    def _registers(self, joint: Joint) -> None:
        for party, recipient in ((AGENCY, "collection-agent"), (PROCESSOR, "payment-processor")):
            joint.record(REGISTER, "engagement", party=party, about={"recipient": [recipient]})
        about = {"data": ["name", "email"], "purpose": ["offers"], "recipient": ["trusted-partner"]}
        joint.record(REGISTER, "agreement", party=PARTNER, about=about)

    def _desks(self, joint: Joint) -> None:
        for kind, name, sign_in, roles, party in (
            ("staff", "Olga Beck", "olga", ("support", "billing", "accounts", "privacy"), ""),
            ("staff", "Max Lind", "max", ("manager", "support"), ""),
            ("staff", "Sara Holt", "sara", ("security", "manager"), ""),
            ("agent", "Ed Roe", "ed", (), AGENCY),
        ):
            user = people.add(joint, kind, name, sign_in, roles=roles, party=party)
            secret = totp.new_secret()
            operators.equip(joint, user.user_id, hashed(PASSWORD), secret, 0)
            issuer = self.years.provider.imprint.name or "upheld"
            self.staff[sign_in] = user, totp.address(secret, sign_in, issuer)

    # A household, and a minor with her guardian

    def _family(self) -> None:
        years = self.years
        for word, kind in (("tom", HOUSEHOLD), ("kim", GUARDIAN)):
            self.named[word].invited = True
            day = years.month(self.named[word].month).first
            years.plan_joint(day, partial(self._invite, kind=kind), 11)

    def _invite(self, joint: Joint, kind: str) -> None:
        """Let Tom come into Ann's household, or Kim sign up by Ruth's leave."""
        years, who, by = self.years, *(("tom", "ann") if kind == HOUSEHOLD else ("kim", "ruth"))
        template, inviter = (
            ("accounts/household", self.id(by)) if kind == HOUSEHOLD else ("guardians/invited", "")
        )
        address = self.named[who if kind == HOUSEHOLD else by].made.email
        made = invitations.invite(joint, address, kind, template, inviter=inviter)
        if isinstance(made, Refused):
            done(made)
            return
        found = invitations.by_id(joint.tables, made[0])
        if found is not None and kind == GUARDIAN:
            guardians.accept(joint, self.id(by), found)
            found = invitations.by_id(joint.tables, made[0])
        years.enter(joint, self.named[who], found)

    # Choices, and letters

    def _choices(self) -> None:
        years = self.years
        support = Permission(("usage",), "supplier", "", "support")
        partner = Permission(("name", "email"), "trusted-partner", PARTNER, "newsletter")
        years.plan_joint(
            years.month(8).first, lambda j: choices.give(j, self.id("ann"), support), 12
        )
        years.plan_joint(
            years.month(11).first, lambda j: choices.give(j, self.id("ann"), partner), 12
        )
        years.plan_joint(years.month(15).first, self._taken_back, 12)
        years.plan_joint(years.ago(20), self._opted_out, 12)
        for number in (6, 12, 18, MONTHS - 1):
            years.plan(years.month(number).first, self._newsletter, 13)

    def _taken_back(self, joint: Joint) -> None:
        latest = choices.kept(joint, self.id("ann"))[0]
        joint.withdraw(self.id("ann"), latest.record_id, actor="customer")

    def _opted_out(self, joint: Joint) -> None:
        choices.opt(joint, self.id("ann"), choices.ADVERTISING, out=True)
        choices.opt(joint, self.id("ruth"), choices.OFFERS, "offers", out=True)
        signals.noted(joint, self.id("lee"), f"{1:064x}")

    def _newsletter(self) -> None:
        with self.years.gate.together() as joint:
            for member in self.named.values():
                if member.id and member.shown:
                    outbox.queue(joint, member.id, "demo/newsletter", "newsletter")
        self.years.deliver()

    # Three debts

    def _debts(self) -> None:
        years = self.years  # Ann has yet to pay her last invoice
        for word, back in (("ann", 1), ("dan", 3), ("eve", 5), ("flo", 7)):
            self.named[word].pays_until = MONTHS - back
        years.plan_joint(
            years.month(MONTHS - 4).first, lambda joint: self._hand_over(joint, "flo"), 15
        )
        years.plan_joint(
            years.month(MONTHS - 2).first, lambda joint: self._hand_over(joint, "eve"), 15
        )
        years.plan_joint(years.ago(12), lambda joint: years.settle(joint, self.named["flo"]), 15)

    def _hand_over(self, joint: Joint, word: str) -> object:
        """Let Olga take the task about a debt, and hand the account to the agent."""
        (task,) = [t for t in tasks.of_person(joint.tables, self.id(word)) if t.kind == DEBT]
        taken = tasks.take(joint, task.task_id, self.user("olga"), debts.FIELDS)
        found = debts.hand_over(joint, taken, AGENCY)
        if not isinstance(found, Refused):
            debts.looked_at(joint, AGENCY)
        return found

    # What waits now

    def _last_days(self) -> None:
        years = self.years
        years.plan_joint(years.ago(70), self._copy)
        years.plan_joint(years.ago(50), self._new_phone)
        years.plan_joint(years.ago(9), lambda joint: self._ticket(joint, 0, "ann"))
        years.plan_joint(years.ago(6), self._wrong)
        years.plan_joint(years.ago(4), self._known)
        years.plan_joint(years.ago(3), lambda joint: self._ticket(joint, 1, "ruth"))
        years.plan_joint(years.ago(2), lambda joint: self._ticket(joint, 2, "dan"))
        years.plan_joint(years.ago(2), self._leaves)
        years.plan_joint(years.ago(1), lambda joint: self._ticket(joint, 3, "gil"))
        years.plan_joint(years.ago(1), lambda joint: self._ticket(joint, 4, "lee"))
        years.plan_joint(years.ago(1), lambda joint: erasure.request(joint, self.id("lee")), 20)
        years.plan(years.ago(1), years.deliver, 21)

    def _copy(self, joint: Joint) -> object:
        asked = requests.ask(joint, self.id("ann"), "access")
        return asked if isinstance(asked, Refused) else requests.answer(joint, asked)

    def _new_phone(self, joint: Joint) -> object:
        return corrections.correct(joint, self.id("ann"), "phone", "+15550100142")

    def _wrong(self, joint: Joint) -> object:
        said = "It is the 12th of the month, not the 21st: somebody turned it round."
        return corrections.hand_over(joint, self.id("gil"), "birth-date", said)

    def _known(self, joint: Joint) -> None:
        """A guardian who has not paid anything yet said yes: staff have to look."""
        made = invitations.invite(
            joint, self.named["ned"].made.email, GUARDIAN, "guardians/invited"
        )
        found = None if isinstance(made, Refused) else invitations.by_id(joint.tables, made[0])
        if found is not None and self.id("ned"):
            guardians.accept(joint, self.id("ned"), found)

    def _ticket(self, joint: Joint, number: int, word: str) -> None:
        about, purpose, role = TICKETS[number]
        due = self.years.clock.at.replace(hour=17) if number == 2 else None
        tasks.open_task(joint, self.id(word), "ticket", purpose, role=role, about=about, due=due)

    def _leaves(self, joint: Joint) -> None:
        closure.close(joint, self.years.provider.events, self.id("may"))

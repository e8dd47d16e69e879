"""What happens to some of the people: so that every page of the provider has something to show.

A household, a minor and her guardian, permissions given and taken back, opt-outs, three debts (one
in the queue, one with an agent, one paid and not confirmed), and requests that wait; questions are
in a module of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from upheld.core.company_names import company_name
from upheld.core.ids import PersonId, UserId
from upheld.demo.advertising import Advertising
from upheld.demo.desks import AGENCY, Desks
from upheld.demo.months import MONTHS, Member, Years, done
from upheld.demo.questions import Questions
from upheld.demo.research import ResearchScenes
from upheld.demo.traffic import DemoTraffic
from upheld.demo.versions import Versions
from upheld.gate.act.request import Refused
from upheld.gate.transaction import GateTransaction
from upheld.practice import invitations, operators, outbox, parties, tasks
from upheld.practice.invitations import GUARDIAN, HOUSEHOLD
from upheld.practice.operators import User
from upheld.practices.agreements import agreements, signatures, terms
from upheld.practices.billing import debts
from upheld.practices.billing.invoices import DEBT
from upheld.practices.guardians import domain as guardians
from upheld.practices.rights import choices, closure, corrections, erasure, requests, signals
from upheld.practices.rights.choices import Permission
from upheld.practices.staff import people
from upheld.web import totp
from upheld.web.passwords import hashed

PROCESSOR, PARTNER = "sandbox-payments", "northern-mail"
PASSWORD: Final = "made up for the demo"  # noqa: S105 - everybody's, and nobody's anywhere else


class Scenes:
    """The people with names, and what happens to them."""

    def __init__(self, years: Years, members: Mapping[str, Member]) -> None:
        self.years, self.named = years, members
        self.staff: dict[str, tuple[User, str]] = {}

    def id(self, word: str) -> PersonId:
        """The id of somebody with a name."""
        return self.named[word].id

    def user(self, sign_in: str) -> UserId:
        """The id of somebody who works at a desk."""
        return self.staff[sign_in][0].user_id

    def plan(self) -> None:
        """Let all of it happen when it is its time."""
        years = self.years
        years.plan_transaction(years.month(0).first, self._registers, 1)
        years.plan_transaction(years.month(0).first, self._desks, 2)
        years.plan_transaction(years.month(0).first, self._agreement, 3)
        self._family()
        self._choices()
        self._debts()
        Questions(self).plan()
        Versions(self).plan()
        Desks(self).plan()
        Advertising(self).plan()
        ResearchScenes(self).plan()
        DemoTraffic(self).plan()
        self._last_days()

    def _registers(self, transaction: GateTransaction) -> None:
        for party, role in (
            (AGENCY, "collection-agent"),
            (PROCESSOR, "payment-processor"),
            (PARTNER, "trusted-partner"),
        ):
            parties.add(transaction, company_name(party), role)

    def _desks(self, transaction: GateTransaction) -> None:
        for kind, name, sign_in, roles, party in (
            ("staff", "Olga Beck", "olga", ("support", "billing", "accounts", "privacy"), ""),
            ("staff", "Max Lind", "max", ("manager", "support", "terms", "counsel"), ""),
            ("staff", "Sara Holt", "sara", ("security", "manager", "legal"), ""),
            ("staff", "Lena Voss", "lena", ("legal", "privacy"), ""),
            ("agent", "Ed Roe", "ed", (), AGENCY),
        ):
            user = people.add(transaction, kind, name, sign_in, roles=roles, party=party)
            self.let_in(transaction, user)

    def let_in(self, transaction: GateTransaction, user: User) -> None:
        """Give somebody who works at a desk the password that everybody has, and a code."""
        secret = totp.new_secret()
        operators.enable_sign_in(transaction, user.user_id, hashed(PASSWORD), secret, 0)
        issuer = self.years.provider.imprint.name or "upheld"
        self.staff[user.sign_in] = user, totp.address(secret, user.sign_in, issuer)

    def _agreement(self, transaction: GateTransaction) -> None:
        """Let both sides sign an agreement in the policy's own terms."""
        by, key = self.user("max"), Ed25519PrivateKey.from_private_bytes(sha256(b"demo").digest())
        written = terms.drafted(transaction.policy, company_name(PARTNER)).encode()
        text = terms.read_terms(written, transaction.policy)
        until = transaction.clock.today() + agreements.YEARS_MAX
        one = agreements.add(transaction, PARTNER, text, by=by, until=until)
        public = signatures.encode(key.public_key().public_bytes_raw())
        agreements.keep_key(transaction, PARTNER, public, by=by)
        agreements.sign(transaction, one.agreement_id, by=by)
        signature = signatures.encode(key.sign(one.statement.encode()))
        agreements.accept(transaction, one.agreement_id, signature, actor=f"staff {by}")

    # A household, and a minor with her guardian

    def _family(self) -> None:
        years = self.years
        for word, kind in (("tom", HOUSEHOLD), ("kim", GUARDIAN)):
            self.named[word].invited = True
            day = years.month(self.named[word].month).first
            years.plan_transaction(day, partial(self._invite, kind=kind), 11)

    def _invite(self, transaction: GateTransaction, kind: str) -> None:
        """Let Tom come into Ann's household, or Kim sign up by Ruth's leave."""
        years, who, by = self.years, *(("tom", "ann") if kind == HOUSEHOLD else ("kim", "ruth"))
        template, inviter = (
            ("accounts/household", self.id(by)) if kind == HOUSEHOLD else ("guardians/invited", "")
        )
        address = self.named[who if kind == HOUSEHOLD else by].persona.email
        invitation = invitations.invite(transaction, address, kind, template, inviter=inviter)
        if isinstance(invitation, Refused):
            done(invitation)
            return
        row = invitations.find_by_id(transaction.tables, invitation[0])
        if row is not None and kind == GUARDIAN:
            guardians.accept(transaction, self.id(by), row)
            row = invitations.find_by_id(transaction.tables, invitation[0])
        years.enter(transaction, self.named[who], row)

    # Choices, and letters

    def _choices(self) -> None:
        years = self.years
        support = Permission(("usage",), "trusted-partner", PARTNER, "support")
        partner = Permission(("name", "email"), "trusted-partner", PARTNER, "newsletter")
        years.plan_transaction(
            years.month(8).first, lambda j: choices.give(j, self.id("ann"), support), 12
        )
        years.plan_transaction(
            years.month(11).first, lambda j: choices.give(j, self.id("ann"), partner), 12
        )
        years.plan_transaction(years.month(15).first, self._taken_back, 12)
        years.plan_transaction(years.ago(20), self._opted_out, 12)
        for number in (6, 12, 18, MONTHS - 1):
            years.plan(years.month(number).first, self._newsletter, 13)

    def _taken_back(self, transaction: GateTransaction) -> None:
        latest = choices.choice_records(transaction, self.id("ann"))[0]
        transaction.withdraw(self.id("ann"), latest.record_id, actor="customer")

    def _opted_out(self, transaction: GateTransaction) -> None:
        choices.opt(transaction, self.id("ann"), choices.ADVERTISING, out=True)
        choices.opt(transaction, self.id("ruth"), choices.OFFERS, "offers", out=True)
        signals.note_signal(transaction, self.id("lee"), f"{1:064x}")

    def _newsletter(self) -> None:
        with self.years.gate.together() as transaction:
            for member in self.named.values():
                if member.id and member.on_page:
                    outbox.queue(transaction, member.id, "demo/newsletter", "newsletter")
        self.years.deliver()

    # Three debts

    def _debts(self) -> None:
        years = self.years  # Ann has yet to pay her last invoice
        for word, back in (("ann", 1), ("dan", 3), ("eve", 5), ("flo", 7)):
            self.named[word].pays_until = MONTHS - back
        years.plan_transaction(
            years.month(MONTHS - 4).first,
            lambda transaction: self._hand_over(transaction, "flo"),
            15,
        )
        years.plan_transaction(
            years.month(MONTHS - 2).first,
            lambda transaction: self._hand_over(transaction, "eve"),
            15,
        )
        years.plan_transaction(
            years.ago(12), lambda transaction: years.settle(transaction, self.named["flo"]), 15
        )

    def _hand_over(self, transaction: GateTransaction, word: str) -> object:
        """Let Olga take the task about a debt, and hand the account to the agent."""
        (task,) = [
            t for t in tasks.open_tasks_on(transaction.tables, self.id(word)) if t.kind == DEBT
        ]
        task_row = tasks.take(transaction, task.task_id, self.user("olga"), debts.FIELDS)
        handover = debts.hand_over(transaction, task_row, AGENCY)
        if not isinstance(handover, Refused):
            debts.view_debts(transaction, AGENCY)
        return handover

    # What waits now

    def _last_days(self) -> None:
        years = self.years
        years.plan_transaction(years.ago(70), self._copy)
        years.plan_transaction(years.ago(50), self._new_phone)
        years.plan_transaction(years.ago(6), self._wrong)
        years.plan_transaction(years.ago(4), self._open_known_task)
        years.plan_transaction(years.ago(2), self._leaves)
        years.plan_transaction(
            years.ago(1), lambda transaction: erasure.request(transaction, self.id("lee")), 20
        )
        years.plan(years.ago(1), years.deliver, 21)

    def _copy(self, transaction: GateTransaction) -> object:
        request = requests.open_request(transaction, self.id("ann"), "access")
        return request if isinstance(request, Refused) else requests.answer(transaction, request)

    def _new_phone(self, transaction: GateTransaction) -> object:
        return corrections.correct(transaction, self.id("ann"), "phone", "+15550100142")

    def _wrong(self, transaction: GateTransaction) -> object:
        statement = "It is the 12th of the month, not the 21st: somebody turned it round."
        provider, gil = self.years.provider, self.id("gil")
        return corrections.hand_over(provider, transaction, gil, "birth-date", statement)

    def _open_known_task(self, transaction: GateTransaction) -> None:
        """A guardian who has not paid anything yet said yes: staff have to look."""
        invitation = invitations.invite(
            transaction, self.named["ned"].persona.email, GUARDIAN, "guardians/invited"
        )
        user_id = (
            None
            if isinstance(invitation, Refused)
            else invitations.find_by_id(transaction.tables, invitation[0])
        )
        if user_id is not None and self.id("ned"):
            guardians.accept(transaction, self.id("ned"), user_id)

    def _leaves(self, transaction: GateTransaction) -> None:
        closure.close(transaction, self.years.provider.events, self.id("may"))

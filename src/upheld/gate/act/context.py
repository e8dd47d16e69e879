"""What every act stands on: the policy in force, keys, clock, and the shape of each kind of act."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import replace

from upheld.core.clock import Clock
from upheld.core.ids import PersonId
from upheld.gate.act.asked_versions import BindingOutlook
from upheld.gate.act.duties import DutyHandlers
from upheld.gate.act.erasure_hooks import ErasureHooks
from upheld.gate.act.judgement import Judgement
from upheld.gate.act.request import Act, planned
from upheld.gate.editions import bound
from upheld.gate.editions.licences import LicenceShelf
from upheld.gate.editions.store import Edition
from upheld.gate.evidence.carry_forward import CarryForwards
from upheld.gate.evidence.derived_fields import DerivedFields
from upheld.gate.evidence.field_values import FieldValues
from upheld.gate.evidence.provers import ASKED, GAG, HOLD, Matter, ProverRegistry
from upheld.ledger.entries import Entry
from upheld.policy.decide import QuestionPlan
from upheld.policy.load import Policy
from upheld.policy.request import Decision
from upheld.policy.vocabulary import Fact
from upheld.vault.keyring import Keyring

if TYPE_CHECKING:
    from upheld.gate.gate import Gate

TEMPLATES_MAX = 4096
NOTHING_READ = ("collect", "store", "delete")  # actions that hand nothing out


class ActTemplate(Struct):
    """What every act with the same words shares: its question, and what must be read for it."""

    policy: Policy
    plan: QuestionPlan
    facts: dict[str, Fact]
    kinds: tuple[str, ...]  # of records that prove
    fields: tuple[str, ...]  # stored ones, to prove from or to hand out
    entry: Entry  # what is told of it whatever comes of it
    # What of fields tells apart people without records of their own; None: something else may.
    matters: dict[str, Matter] | None
    outcomes: dict[tuple[int, tuple[str, ...], str], tuple[Decision, Entry]]  # told so far
    settled: Judgement | None = None  # decided without any fact
    # By which kinds of records and fields each fact is proven, and what proves it.
    needs: dict[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {}


class GateContext(Struct, frozen=True):
    """What every act stands on: the policy in force, the keys, the time, and who does what."""

    policy: Policy
    keyring: Keyring
    clock: Clock
    provers: ProverRegistry
    duty_handlers: DutyHandlers
    derived: DerivedFields
    templates: dict[Any, ActTemplate]  # so far, by what was asked
    carry_forwards: CarryForwards  # what stays of a series whose oldest rows go
    erasure_hooks: ErasureHooks  # what is done beside an erasure
    fields: FieldValues  # what values may be
    place: str = ""  # where our data lie, a word of the policy; no act names it if empty
    edition: int = 0  # the number of the posted version that the policy is; 0 where none was
    editions: tuple[Edition, ...] = ()  # those that were posted, where acts are asked of several
    outlooks: dict[PersonId, BindingOutlook] = field(default_factory=dict)  # so far, by person
    licences: LicenceShelf = field(default_factory=LicenceShelf)
    # Each compares a file of the settings with what is in force, and says in the log if it differs.
    file_comparisons: list[Callable[[Gate], None]] = field(default_factory=list)

    def by(self, clock: Clock) -> GateContext:
        """A copy of this context with another clock."""
        return replace(self, clock=clock)

    def under(self, policy: Policy, editions: tuple[Edition, ...] = ()) -> GateContext:
        """A copy of this context under another policy, the last of those that were posted."""
        return replace(self, policy=policy, edition=len(editions), editions=editions, outlooks={})

    def alone(self, policy: Policy, edition: int) -> GateContext:
        """A copy of this context under an earlier version, which is asked for itself."""
        return replace(self, policy=policy, edition=edition, editions=())

    def takes(self, action: str) -> tuple[str, ...]:
        """The dimensions that an action takes in the policy; none for an unknown one."""
        return tuple(self.policy.engine.compiled.takes.get(action, ()))

    def placed(self, act: Act) -> Act:
        """An act with the place where our data lie, if it takes one and goes to nobody else."""
        if not self.place or act.place is not None or act.recipient is not None:
            return act
        return replace(act, place=self.place) if "place" in self.takes(act.action) else act

    def storing(self, data: Sequence[str], purpose: str | None = None) -> Act:
        """The act of storing some fields for a purpose, where that takes one."""
        purpose_or_none = purpose if "purpose" in self.takes("store") else None
        return self.placed(Act(action="store", data=tuple(data), purpose=purpose_or_none))

    def template(self, act: Act, besides: Sequence[str] = ()) -> ActTemplate:
        """The shape of an act whose facts, and some besides, are to be proven."""
        if act.party or act.reference or act.settles:  # which shape no question
            act = replace(act, party="", reference="", settles="")
        key = (self.edition, len(self.editions), act, *besides) if besides or self.edition else act
        template = self.templates.get(key)
        if (
            template is None or template.policy is not self.policy
        ):  # acts under the old one may go on
            if len(self.templates) >= TEMPLATES_MAX:
                self.templates.clear()
            template = self.templates[key] = self._make_template(act, besides)
        return template

    def _make_template(self, act: Act, besides: Sequence[str]) -> ActTemplate:
        plan = planned(self.policy, act)
        vocabulary = self.policy.program.vocabulary.facts
        names = sorted({*plan.values, *(name for name in besides if name in vocabulary)})
        facts = {name: vocabulary[name] for name in names}
        proving = {fact.proof: self.provers.of(fact) for fact in facts.values()}
        proof_fields = [
            field
            for fact in facts.values()
            for field in self.provers.reads(fact, act.data)
            if field != ASKED
        ]
        output_fields = () if act.action in NOTHING_READ else act.data
        # An act on no fact reads no records: which versions are asked is remembered of each person.
        gag = vocabulary.get(GAG) if HOLD in facts else None
        silencing = self.provers.of(gag).kinds_for(gag.proof) if gag else ()
        binding = bound.KINDS if facts and len(self.editions) >= bound.SECOND else ()
        return ActTemplate(
            self.policy,
            plan,
            facts,
            tuple(
                sorted(
                    {
                        *binding,
                        *silencing,
                        *(k for kind, e in proving.items() for k in e.kinds_for(kind)),
                    }
                )
            ),
            tuple(sorted(self.derived.stored([*proof_fields, *output_fields]))),
            Entry(
                kind="act",
                time="",
                policy=self.policy.digest,
                action=act.action,
                **act.entry_fields(),
            ),
            self.provers.matters(facts.values()),
            {},
        )


def checked_place(policy: Policy, place: str) -> str:
    """A place that the policy knows; RequestError for any other word."""
    if place:
        policy.engine.checker.dimension("place", place)
    return place

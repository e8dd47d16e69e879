"""Suppliers: a plan that another company provides names it, and the fields that it needs.

An order of such a plan is a record that the service needs them: the company gets these fields, in a
delivery that is made with the order, and no others, for as long as the order lives. When it ends,
what waits is kept back, and what the company received it is asked to delete. Nobody can order a
plan whose supplier is not on the register, or has no key. A company of our own may provide a plan:
what it gets is asked as told to an affiliate, and nothing goes to it once it is not ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from upheld.core.company_names import company_name
from upheld.core.ids import PersonId, RecordId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables
from upheld.gate.act.request import Act, Refused
from upheld.gate.transaction import Transaction
from upheld.policy.english import word_list
from upheld.policy.load import Policy
from upheld.practice import deliveries, parties, party_keys, recipient_requests
from upheld.practice.plugin import PendingAction
from upheld.practices.billing.plans import ServicePlan

SUPPLIER: Final = "supplier"
KIND: Final = "service-order"  # of the record
REQUESTED: Final = "service-requested"  # the fact that it proves


def act_of(plan: ServicePlan, order_id: RecordId | None = None, role: str = SUPPLIER) -> Act:
    """Telling whoever provides a plan, a supplier or an affiliate, what it needs."""
    return Act(
        action="share",
        data=plan.supplier_data,
        recipient=role,
        purpose="service-provision",
        occasion="other",
        party=plan.supplier,
        reference=order_id or "",
    )


def is_ready(transaction: Transaction, plan: ServicePlan) -> bool:
    """Whether a plan can be ordered as far as its supplier is concerned."""
    vocabulary = transaction.policy.program.vocabulary
    return not plan.supplier or (
        REQUESTED in vocabulary.facts
        and {*plan.supplier_data} <= {*vocabulary.tree("data")}
        and bool(_role_of(transaction, plan))
        and bool(party_keys.find(transaction.tables, plan.supplier))
    )


def _role_of(transaction: Transaction, plan: ServicePlan) -> str:
    """What the company that provides a plan is to us now; empty where it may not provide one."""
    roles = (SUPPLIER, parties.AFFILIATE)
    return next((each for each in roles if plan.supplier in parties.in_role(transaction, each)), "")


def engage(
    transaction: Transaction, person_id: PersonId, plan: ServicePlan, order_id: RecordId
) -> Refused | None:
    """Tell the supplier of a plan that was ordered what it needs, and no more; or the refusal."""
    if not plan.supplier:
        return None
    if not is_ready(transaction, plan):
        return Refused(None)
    role = _role_of(transaction, plan)
    record = transaction.record(
        person_id,
        KIND,
        fact=REQUESTED,
        about={"recipient": (role,), "data": plan.supplier_data},
        party=plan.supplier,
        by_whom=person_id,
        how=_how(order_id),
    )
    act = act_of(plan, order_id, role)
    if not transaction.peek(person_id, act).allowed:
        refusal = transaction.act(act, person_id, entitled=True)
        transaction.withdraw(person_id, record)
        return refusal if isinstance(refusal, Refused) else Refused(None)
    deliveries.send(transaction, act, [person_id], key=_how(order_id))
    return None


def release(transaction: Transaction, person_id: PersonId, order_id: RecordId, actor: str) -> None:
    """End what the supplier of an order may have: nothing more goes to it, and what waits stays."""
    records, _ = transaction.records_of([person_id], [KIND])
    at = microseconds(transaction.clock.now())
    for each in records:
        if (each.fact, each.how) == (REQUESTED, _how(order_id)) and each.in_force(at):
            transaction.withdraw(person_id, each.record_id, ended=True, actor=actor)
            deliveries.recall(transaction, person_id, order_id, actor=actor)
            why = recipient_requests.ORDER_OVER
            recipient_requests.reference_over(transaction, person_id, order_id, why)


def sentence(policy: Policy, plan: ServicePlan) -> str:
    """Who provides a plan and gets what, as whoever orders reads it; empty where we do."""
    if not plan.supplier:
        return ""
    terms = policy.program.vocabulary.tree("data")
    labels = [(terms[each].label if each in terms else "") or each for each in plan.supplier_data]
    return (
        f"{company_name(plan.supplier)} provides it for us. It gets your"
        f" {word_list(labels, 'and')}, and nothing else, for as long as you have it."
    )


def without_key(tables: Tables, plans: Iterable[ServicePlan]) -> list[PendingAction]:
    """Tells managers of suppliers to whom nothing can go."""
    suppliers = dict.fromkeys(each.supplier for each in plans if each.supplier)
    return [
        PendingAction(
            f"Nobody can order what {company_name(each)} provides: it has no public key.",
            "See the register",
            "/staff/parties",
        )
        for each in suppliers
        if not party_keys.find(tables, each)
    ]


def _how(order_id: RecordId) -> str:
    """How a record says which order it is of."""
    return f"order {order_id}"

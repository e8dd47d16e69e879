"""A plan that another company provides, for tests of several kinds."""

from __future__ import annotations

from typing import cast

import msgspec

from practices.conftest import House, send
from practices.programmes import KEY
from upheld.core.ids import PersonId
from upheld.practice import parties, party_keys
from upheld.practices.billing.plans import ServicePlan
from upheld.practices.billing.selling import PlanSeller

PLAN = "hosting"
DATA = ("name", "email")


def supplied_plan(house: House, *, ready: bool = True, ours: bool = False) -> ServicePlan:
    """Let a company of the register provide a plan, and have its key if it is `ready`.

    It is a supplier, or one of `ours` for as long as the register says so.
    """
    role, proof = ("affiliate", "All shares, deed of 2 May") if ours else ("supplier", "")
    party = house.do(lambda t: parties.add(t, "Fjord Hosting", role, proof=proof)).party
    if ready:
        house.do(lambda t: party_keys.put(t, party, KEY))
    plans = cast("dict[str, ServicePlan]", cast("PlanSeller", house.provider.seller).plans)
    plans[PLAN] = msgspec.structs.replace(plans[PLAN], supplier=party, supplier_data=DATA)
    return plans[PLAN]


def order(house: House, person: PersonId) -> int:
    """Order it by the page, as a customer does; the status of the answer."""
    return send(house.signed_in(person), "/me/services", {"plan": PLAN}).status_code

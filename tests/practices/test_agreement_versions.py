"""An agreement beside versions of the policy: it has to fit each one that binds somebody."""

from __future__ import annotations

from datetime import timedelta

from gate.versions import post, version
from practices.conftest import House, send
from practices.test_agreements import WIDER, manager, narrower, partner
from upheld.practices.agreements.console import HERE


def test_an_agreement_fits_each_version_that_binds_somebody(house: House) -> None:
    """One that the posted version allows is refused while somebody is bound by a narrower one."""
    house.customer()
    by, party = manager(house), partner(house)
    shared = "share identity, contact-details, services to trusted-partner for offers"
    post(house.provider.gate.gate, version("two", (shared, shared.replace("services", "profile"))))
    more = narrower(WIDER).replace("use name for", "use name, interests for")
    until = house.clock.today() + timedelta(days=30)
    form = {"partner": party, "text": more}
    form |= {f"until-{each}": str(getattr(until, each)) for each in ("day", "month", "year")}
    answer = send(house.signed_in(by, "staff"), HERE, form)
    assert answer.status_code == 422
    assert "The agreement is wider than version 2026-11-01" in answer.text

"""What the practice of deliveries brings."""

from __future__ import annotations

from starlette.routing import Route

from upheld.practice import deliveries, party_keys
from upheld.practice.endpoints import Handler, require_sign_in
from upheld.practice.operators import MANAGER
from upheld.practice.plugin import MenuEntry, Practice, Provider
from upheld.practices.deliveries.desk import HERE, DeliveryDesk

SENTENCES = {
    deliveries.DELIVERED: "{actor} delivered {data} to {party}",
    deliveries.KEPT_BACK: "{actor} kept back {data}, which had not gone to {party} yet",
    party_keys.KEY_CHANGED: "{actor} changed the public key of a company on the register",
}


def practice(provider: Provider) -> Practice:
    """The outbox of all that leaves the house, for managers."""
    desk = DeliveryDesk(provider)

    def route(method: str, path: str, handler: Handler) -> Route:
        endpoint = require_sign_in(provider, "staff", handler, fresh=True)
        return Route(f"{HERE}{path}", endpoint, methods=[method])

    return Practice(
        "deliveries",
        actions=("share",),
        routes=[
            route("GET", "", desk.show),
            route("GET", "/{delivery}", desk.show_one),
            route("POST", "/{delivery}/file", desk.fetch),
            route("POST", "/{delivery}/done", desk.confirm),
            route("POST", "/{delivery}/recall", desk.recall),
        ],
        menu=[MenuEntry("staff", "Deliveries", HERE, "For managers", 94, roles=(MANAGER,))],
        manager_actions=desk.waiting,
        entry_sentences=SENTENCES,
    )

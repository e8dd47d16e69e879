"""Where a customer's pages of versions stand."""

from __future__ import annotations

from functools import partial

from starlette.routing import Route

from upheld.practice.endpoints import require_sign_in
from upheld.practice.plugin import Provider
from upheld.practices.versions.customer_changes import CHANGES, CustomerChanges
from upheld.practices.versions.customer_versions import MINE, CustomerVersions


def customer_routes(
    provider: Provider, changes: CustomerChanges, mine: CustomerVersions
) -> list[Route]:
    """The page of what changed, and the page of the version that binds."""
    own = partial(require_sign_in, provider, "customer")
    return [
        Route(CHANGES, own(changes.show), methods=["GET"]),
        Route(CHANGES, own(changes.go_on), methods=["POST"]),
        Route(MINE, own(mine.show), methods=["GET"]),
        Route(f"{MINE}/{{answer}}", own(mine.answer), methods=["POST"]),
    ]

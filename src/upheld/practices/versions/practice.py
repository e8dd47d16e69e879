"""What the practice of versions brings."""

from __future__ import annotations

from starlette.routing import Route

from upheld.core.ids import PersonId
from upheld.gate.operations.jobs import MINUTE, Job
from upheld.gate.transaction import Transaction
from upheld.practice.events import PAYMENT_RECEIVED, SIGNED_IN
from upheld.practice.needs import Need
from upheld.practice.plugin import MenuEntry, Practice, Provider
from upheld.practices.versions.drafts import post_announced
from upheld.practices.versions.public_pages import FEED, HERE, VersionPages
from upheld.web.pages import EVERYBODY

NEEDS = (Need("posting another version of the policy", "amend"),)


def _note_use(transaction: Transaction, person_id: PersonId, _about: str) -> None:
    """Note that somebody uses our services, for the first time since the last posting."""
    transaction.note_use(person_id)


def practice(provider: Provider) -> Practice:
    """The pages of all versions, and drafts that are posted on their day."""
    pages = VersionPages(provider)
    return Practice(
        "versions",
        actions=("amend", "bind"),
        recorded_facts=(
            "used-since-posting",
            "narrowing",
            "agreement-needs-notice",
            "notice-given",
            "agreement-needs-approval",
            "change-approved",
        ),
        listeners=dict.fromkeys((SIGNED_IN, PAYMENT_RECEIVED), _note_use),
        routes=[
            Route(HERE, pages.show_all, methods=["GET"]),
            Route(FEED, pages.feed, methods=["GET"]),
            Route(f"{HERE}/{{number}}", pages.show, methods=["GET"]),
            Route(f"{HERE}/{{number}}/policy.md", pages.file, methods=["GET"]),
        ],
        menu=[MenuEntry(EVERYBODY, "Versions of the policy", HERE, "", 20, bar=True)],
        jobs=[Job("post-versions", MINUTE, post_announced)],
    )

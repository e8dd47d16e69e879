"""What the practice of versions brings."""

from __future__ import annotations

from starlette.routing import Route

from upheld.core.ids import PersonId
from upheld.gate.operations.jobs import MINUTE, Job
from upheld.gate.transaction import Transaction
from upheld.practice.events import PAYMENT_RECEIVED
from upheld.practice.needs import Need
from upheld.practice.plugin import MenuEntry, PageBefore, Practice, Provider
from upheld.practices.versions.console_pages import DraftPages
from upheld.practices.versions.console_routes import CONSOLE_MENU, console_routes
from upheld.practices.versions.customer_changes import CHANGES, CustomerChanges
from upheld.practices.versions.customer_decisions import REFUSAL
from upheld.practices.versions.customer_looks import PAYMENT
from upheld.practices.versions.customer_notices import write_about_versions
from upheld.practices.versions.customer_routes import customer_routes
from upheld.practices.versions.customer_versions import MINE, CustomerVersions
from upheld.practices.versions.drafts import post_announced
from upheld.practices.versions.public_pages import FEED, HERE, VersionPages
from upheld.practices.versions.shadows import follow_shadows
from upheld.web.pages import EVERYBODY

NEEDS = (Need("posting another version of the policy", "amend"),)


def _note_use(transaction: Transaction, person_id: PersonId, _about: str) -> None:
    """Note that somebody pays, if it is their first use of our services since the last posting."""
    transaction.note_use(person_id, PAYMENT)


def practice(provider: Provider) -> Practice:
    """The pages of all versions, drafts in the console, and posting on the day of each."""
    pages = VersionPages(provider)
    changes, mine = CustomerChanges(provider), CustomerVersions(provider)
    console = DraftPages(provider)

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
        listeners={PAYMENT_RECEIVED: _note_use},
        routes=[
            Route(HERE, pages.show_all, methods=["GET"]),
            Route(FEED, pages.feed, methods=["GET"]),
            Route(f"{HERE}/{{number}}", pages.show, methods=["GET"]),
            Route(f"{HERE}/{{number}}/policy.md", pages.file, methods=["GET"]),
            *console_routes(provider, console),
            *customer_routes(provider, changes, mine),
        ],
        menu=[
            MenuEntry(EVERYBODY, "Versions of the policy", HERE, "", 20, bar=True),
            *CONSOLE_MENU,
            MenuEntry("customer", "Versions", MINE, "", 65, under="/me/privacy"),
        ],
        destinations={"versions": MINE},
        pending_actions=mine.waiting,
        page_before=PageBefore(CHANGES, changes.is_due),
        entry_sentences={REFUSAL: "{actor} refused a new version of the policy"},
        manager_actions=console.pending,
        jobs=[
            Job("post-versions", MINUTE, post_announced),
            Job("shadow-drafts", MINUTE, follow_shadows),
            Job("version-notices", MINUTE, write_about_versions),
        ],
    )

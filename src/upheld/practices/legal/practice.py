"""What the legal desk brings."""

from __future__ import annotations

from starlette.routing import Route

from upheld.gate.operations.jobs import MINUTE, Job
from upheld.practice.documents import FORM_MAX
from upheld.practice.endpoints import Handler, require_sign_in
from upheld.practice.needs import Need
from upheld.practice.owed_notices import NOTICE_OWED
from upheld.practice.plugin import MenuEntry, Practice, Provider
from upheld.practices.legal import transparency
from upheld.practices.legal.desk import LegalDesk
from upheld.practices.legal.instrument import (
    BELIEVED,
    CLAIMED,
    DEMANDED,
    IN_EMERGENCY,
    KEPT_BY_LAW,
    SILENT,
)
from upheld.practices.legal.instruments import Instruments
from upheld.practices.legal.notices import JOB, Notices
from upheld.practices.legal.questions import DESK
from upheld.practices.legal.release import DEMANDED_ONLY, NOTICE, SECOND, Releases
from upheld.practices.legal.reviews import REVIEW
from upheld.practices.legal.staff import ROLES

NEEDS = (
    Need(
        "giving what a court or an authority demands by legal process",
        "share name to court for legal-process at other",
    ),
    Need("claims and defences of our own", "share name to court for legal-claims at other"),
    Need("investigations", "share name to law-enforcement for suspected-fraud at other"),
    Need("emergencies", "share name to emergency-service for physical-safety at other"),
)


def practice(provider: Provider) -> Practice:
    """The legal desk: instruments, their release, and the notices that are owed for it."""
    instruments = Instruments(provider)
    releases, notices = Releases(instruments), Notices(instruments)
    desk = LegalDesk(provider, instruments, releases)
    one = f"{DESK}/{{instrument}}"

    def route(method: str, path: str, handler: Handler) -> Route:
        largest = FORM_MAX if path == DESK else None
        endpoint = require_sign_in(provider, "staff", handler, body_max=largest, body_roles=ROLES)
        return Route(path, endpoint, methods=[method])

    return Practice(
        "legal",
        actions=("share", "contact", REVIEW),
        recorded_facts=(
            DEMANDED,
            SILENT,
            KEPT_BY_LAW,
            CLAIMED,
            BELIEVED,
            IN_EMERGENCY,
            NOTICE_OWED,
        ),
        duty_handlers={
            DEMANDED_ONLY: releases.only_what_is_demanded,
            NOTICE: releases.notice_to_customer,
            SECOND: releases.second_person,
        },
        routes=[
            route("GET", DESK, desk.show),
            route("POST", DESK, desk.open),
            route("GET", one, desk.show_one),
            route("GET", f"{one}/document", desk.document),
            route("POST", f"{one}/check", desk.check),
            route("POST", f"{one}/key", desk.set_key),
            route("POST", f"{one}/refuse", desk.refuse),
            route("POST", f"{one}/approve", desk.approve),
            route("POST", f"{one}/release", desk.release),
            route("POST", f"{one}/file", desk.release_again),
            route("POST", f"{one}/end", desk.end),
            route("POST", f"{one}/review", desk.review),
        ],
        menu=[
            MenuEntry(
                "staff",
                "Legal desk",
                DESK,
                "Orders of courts and authorities, claims, investigations",
                42,
                roles=ROLES,
            )
        ],
        jobs=[
            Job(JOB, MINUTE, notices.send_due),
            Job("legal-productions", MINUTE, releases.custody.drop_stale),
        ],
        desk_actions=desk.waiting,
        duty_pages={REVIEW: DESK},
        transparency=transparency.source(instruments),
    )

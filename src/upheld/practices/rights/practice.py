"""What the practice of rights brings: my privacy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.routing import Route

from upheld.gate.operations.jobs import Job
from upheld.policy.load import Policy
from upheld.practice.endpoints import Handler, anybody, open_page, require_sign_in
from upheld.practice.events import GUARDIAN_REVOKED, PRIVACY_SIGNAL
from upheld.practice.needs import Need
from upheld.practice.plugin import MenuEntry, MessageLink, Practice, Provider
from upheld.practices.rights import (
    about_pages,
    access_questions,
    case_work,
    corrections,
    erasure,
    objections,
    signals,
)
from upheld.practices.rights.choice_pages import ChoicePages
from upheld.practices.rights.choices import (
    CONSENT,
    REGISTERS,
    end_those_of_guardian,
    permission_options,
    prove,
)
from upheld.practices.rights.closure import order_bar
from upheld.practices.rights.desk import KINDS, ROLES, SETTLED, RequestDesk
from upheld.practices.rights.glance import LastLook
from upheld.practices.rights.objection_pages import ObjectionPages
from upheld.practices.rights.pages import AgreementPages, DisclosurePages, InventoryPage
from upheld.practices.rights.public_values import FACT
from upheld.practices.rights.question_pages import QuestionPages
from upheld.practices.rights.receipt_pages import ReceiptPages
from upheld.practices.rights.request_pages import RequestPages
from upheld.practices.rights.requests import FACTS
from upheld.practices.rights.value_erasure_pages import ValueErasurePages
from upheld.practices.rights.ward_pages import PAGE as WARDS
from upheld.practices.rights.ward_pages import WardChoicePages
from upheld.web.pages import EVERYBODY

REOPEN_SECONDS, ERASE_SECONDS = 300, 3_600


def _decides_nothing(policy: Policy) -> str:
    """Why no permission is asked for; empty where some are."""
    return "" if permission_options(policy).recipients else "no clause depends on a permission"


NEEDS = (
    Need("what is held about somebody", "view email by customer for rights-request"),
    Need("a copy of it", "share email to customer for rights-request at other"),
    Need("answering what is held", "answer-access"),
    Need("correcting", "answer-correction"),
    Need("objections", "answer-objection"),
    Need("erasing", "answer-erasure"),
    Need("permissions to share", why_off=_decides_nothing),
    Need("taking a privacy signal for an opt-out", "apply-privacy-signal"),
)

ASKS: Final = (
    "answer-access",
    "answer-correction",
    "answer-erasure",
    "answer-objection",
    "apply-privacy-signal",
    "bind",
    "contact",
    "collect",
    "serve",
    "share",
    "show-ad",
    "store",
    "use",
    "view",
)
PROVES: Final = (
    FACT,
    "access-requested",
    "account-closed",
    "advertising-opt-out",
    "correction-requested",
    "erased",
    "erasure-requested",
    "months-since-closure",
    "objected",
    "objection-requested",
    "opted-out",
    "permission",
    "privacy-signal",
)


PARTS: Final = tuple(
    MenuEntry("customer", title, f"/me/privacy/{page}", "", 61 + at, under="/me/privacy")
    for at, (title, page) in enumerate(
        (
            ("What was done", "received"),
            ("Choices", "choices"),
            ("Requests", "requests"),
            ("Policy", "policy"),
        )
    )
)
"""The parts of My privacy but for what is held, which is its own page."""


SENTENCES: Final = {
    corrections.CORRECTED: "{actor} corrected what we hold about {whom}",
    case_work.TURNED_DOWN: "{actor} refused {whose} request and said why",
    access_questions.ANSWERED: "{actor} answered {whose} question about what we hold",
    objections.UPHELD: "{actor} upheld {whose} objection",
}


def _routes(provider: Provider) -> Sequence[Route]:
    """The pages, each for the customers whom it is about unless it is for anybody."""
    inventory, disclosures = InventoryPage(provider), DisclosurePages(provider)
    choices, agreement, requests = (
        ChoicePages(provider),
        AgreementPages(provider),
        RequestPages(provider),
    )
    value, objecting = ValueErasurePages(provider), ObjectionPages(provider)
    asking = QuestionPages(provider)
    wards = WardChoicePages(provider)

    def get(path: str, handler: Handler, *, fresh: bool = False) -> Route:
        return Route(
            path, require_sign_in(provider, "customer", handler, fresh=fresh), methods=["GET"]
        )

    def post(
        path: str, handler: Handler, *, fresh: bool = False, carries: Sequence[str] = ()
    ) -> Route:
        own = require_sign_in(provider, "customer", handler, fresh=fresh, carries=carries)
        return Route(path, own, methods=["POST"])

    return (
        get("/me/privacy", inventory.show),
        get("/me/privacy/received", disclosures.show),
        get("/me/privacy/received/{number:int}", disclosures.receipt),
        get("/me/privacy/choices", choices.show),
        post("/me/privacy/choices", choices.give),
        post("/me/privacy/choices/signal", choices.end_signal),
        get(f"{WARDS}/{{child}}", wards.show),
        post(f"{WARDS}/{{child}}", wards.give),
        post(f"{WARDS}/{{child}}/{{record}}", wards.withdraw),
        post("/me/privacy/choices/{what}/{way}", choices.opt),
        post("/me/privacy/choices/{record}", choices.withdraw),
        get("/me/privacy/choices/{record}/json", choices.download),
        get("/me/privacy/policy", agreement.show),
        get("/me/close", agreement.ask, fresh=True),
        post("/me/close", agreement.close, fresh=True),
        get("/me/privacy/requests", requests.show),
        get("/me/privacy/requests/{request}", requests.show_one),
        post("/me/privacy/requests/{request}/reply", requests.reply),
        get("/me/privacy/requests/{request}/status", requests.status),
        post("/me/privacy/requests/{request}", requests.revoke),
        get("/me/privacy/export", requests.export, fresh=True),
        post("/me/privacy/export", requests.download, fresh=True),
        get("/me/privacy/correct", requests.correct, fresh=True),
        post("/me/privacy/correct", requests.send, fresh=True, carries=corrections.FORM_FIELDS),
        get("/me/privacy/question", asking.show),
        post("/me/privacy/question", asking.send),
        get("/me/privacy/object", objecting.show),
        post("/me/privacy/object", objecting.send),
        get("/me/privacy/erase", requests.erase, fresh=True),
        post("/me/privacy/erase", requests.ask_erasure, fresh=True),
        get("/me/privacy/erase/{field}", value.show, fresh=True),
        post("/me/privacy/erase/{field}", value.send, fresh=True),
        Route("/erased/{link}", requests.certificate, methods=["GET"]),
        *_open_routes(provider),
        *_desk_routes(provider),
    )


def _open_routes(provider: Provider) -> Sequence[Route]:
    """The pages for anybody: who we are, and the verification of the log."""
    receipts, about = ReceiptPages(provider), about_pages.AboutPage(provider)
    return (
        Route("/checkpoint", receipts.checkpoint, methods=["GET"]),
        Route("/checkpoint/cosigned", receipts.checkpoint, methods=["GET"]),
        Route("/ledger/verify", receipts.show, methods=["GET"]),
        Route("/ledger/verify", anybody(provider, receipts.send), methods=["POST"]),
        Route(about_pages.HERE, open_page(provider, about.show), methods=["GET"]),
    )


def _desk_routes(provider: Provider) -> Sequence[Route]:
    """The pages of staff on what customers ask for."""
    desk, one = RequestDesk(provider), "/staff/requests/{task}"

    def route(method: str, path: str, handler: Handler) -> Route:
        return Route(path, require_sign_in(provider, "staff", handler), methods=[method])

    return (
        route("GET", "/staff/requests", desk.list_page),
        route("GET", one, desk.show_any),
        route("POST", f"{one}/change", desk.change),
        route("POST", f"{one}/write", desk.write),
        route("POST", f"{one}/refuse", desk.refuse),
        route("POST", f"{one}/uphold", desk.uphold),
        route("POST", f"{one}/answer", desk.answer),
    )


def practice(provider: Provider) -> Practice:
    """What is held, who received it, choices, the policy that binds, requests."""
    return Practice(
        "rights",
        routes=_routes(provider),
        actions=ASKS,
        recorded_facts=PROVES,
        provers={CONSENT: (prove, ())},
        prover_registers={CONSENT: REGISTERS},
        menu=[
            MenuEntry(
                "customer",
                "My privacy",
                "/me/privacy",
                "What we hold, who received it, and what you chose",
                60,
                bar=True,
                part="What we hold",
            ),
            *PARTS,
            *(
                MenuEntry(EVERYBODY, title, f"{about_pages.HERE}{part}", "", 10 + at, bar=True)
                for at, (title, part) in enumerate(about_pages.PARTS)
            ),
            MenuEntry(
                "staff",
                "Requests",
                "/staff/requests",
                "What customers asked for, and what is due when",
                20,
                roles=ROLES,
            ),
        ],
        destinations={
            "privacy": "/me/privacy",
            "copy": "/me/privacy/export",
            "correct": "/me/privacy/correct",
            "erase": "/me/privacy/erase",
            "close": "/me/close",
        },
        order_bar=order_bar,
        home_figures=LastLook(provider).figures,
        pending_actions=LastLook(provider).waiting,
        listeners={
            PRIVACY_SIGNAL: signals.note_signal,
            GUARDIAN_REVOKED: end_those_of_guardian,
        },
        jobs=[
            Job("reopen-requests", REOPEN_SECONDS, case_work.reopen),
            Job("erasures", ERASE_SECONDS, erasure.carry_out),
        ],
        task_pages=dict.fromkeys(KINDS, "/staff/requests/{task}"),
        duty_pages={f"answer-{kind}": "/staff/requests" for kind in FACTS},
        settled_on_page=SETTLED,
        before_erasure=erasure.close_tasks,
        left_to_erasure=erasure.left,
        entry_sentences=SENTENCES,
        links={erasure.LINK: MessageLink("/erased", erasure.LASTS, outlives=True)},
    )

"""What the practice of rights brings: my privacy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.routing import Route

from upheld.gate.operations.jobs import Job
from upheld.policy.load import Policy
from upheld.practice.endpoints import Handler, anybody, require_sign_in
from upheld.practice.events import PRIVACY_SIGNAL
from upheld.practice.needs import Need
from upheld.practice.plugin import MenuEntry, MessageLink, Practice, Provider
from upheld.practices.rights import corrections, erasure, signals
from upheld.practices.rights.choice_pages import ChoicePages
from upheld.practices.rights.choices import permission_options
from upheld.practices.rights.pages import AgreementPages, DisclosurePages, InventoryPage
from upheld.practices.rights.receipt_pages import ReceiptPages
from upheld.practices.rights.request_pages import RequestPages

ANSWER_SECONDS, ERASE_SECONDS = 300, 3_600


def _decides_nothing(policy: Policy) -> str:
    """Why no permission is asked for; empty where some are."""
    return "" if permission_options(policy).recipients else "no clause hangs on a permission"


NEEDS = (
    Need("what is held about somebody", "view email by customer for rights-request"),
    Need("a copy of it", "share email to customer for rights-request at other"),
    Need("answering what is held", "answer-access"),
    Need("correcting", "answer-correction"),
    Need("erasing", "answer-erasure"),
    Need("permissions to share", tells=_decides_nothing),
    Need("taking a privacy signal for an opt-out", "apply-privacy-signal"),
)

ASKS: Final = (
    "answer-access",
    "answer-correction",
    "answer-erasure",
    "apply-privacy-signal",
    "bind",
    "collect",
    "share",
    "store",
    "use",
    "view",
)
PROVES: Final = (
    "access-requested",
    "account-closed",
    "advertising-opt-out",
    "correction-requested",
    "erased",
    "erasure-requested",
    "months-since-closure",
    "opted-out",
    "permission",
    "privacy-signal",
)


def _routes(provider: Provider) -> Sequence[Route]:
    """The pages, each for the customers whom it is about unless it is for anybody."""
    holding, received, verifying = (
        InventoryPage(provider),
        DisclosurePages(provider),
        ReceiptPages(provider),
    )
    choosing, binding, asking = (
        ChoicePages(provider),
        AgreementPages(provider),
        RequestPages(provider),
    )

    def get(path: str, handler: Handler, *, fresh: bool = False) -> Route:
        return Route(
            path, require_sign_in(provider, "customer", handler, fresh=fresh), methods=["GET"]
        )

    def post(path: str, handler: Handler, *, fresh: bool = False) -> Route:
        return Route(
            path, require_sign_in(provider, "customer", handler, fresh=fresh), methods=["POST"]
        )

    return (
        get("/me/privacy", holding.show),
        get("/me/privacy/received", received.show),
        get("/me/privacy/received/{number:int}", received.receipt),
        Route("/checkpoint", verifying.checkpoint, methods=["GET"]),
        Route("/checkpoint/cosigned", verifying.checkpoint, methods=["GET"]),
        Route("/ledger/verify", verifying.show, methods=["GET"]),
        Route("/ledger/verify", anybody(provider, verifying.send), methods=["POST"]),
        get("/me/privacy/choices", choosing.show),
        post("/me/privacy/choices", choosing.give),
        post("/me/privacy/choices/signal", choosing.end_signal),
        post("/me/privacy/choices/{what}/{way}", choosing.opt),
        post("/me/privacy/choices/{record}", choosing.withdraw),
        get("/me/privacy/choices/{record}/json", choosing.download),
        get("/me/privacy/policy", binding.show),
        get("/me/close", binding.ask, fresh=True),
        post("/me/close", binding.close, fresh=True),
        get("/me/privacy/requests", asking.show),
        get("/me/privacy/requests/{request}/status", asking.status),
        post("/me/privacy/requests/{request}", asking.revoke),
        get("/me/privacy/export", asking.export, fresh=True),
        post("/me/privacy/export", asking.download, fresh=True),
        get("/me/privacy/correct", asking.correct, fresh=True),
        post("/me/privacy/correct", asking.send, fresh=True),
        get("/me/privacy/erase", asking.erase, fresh=True),
        post("/me/privacy/erase", asking.ask_erasure, fresh=True),
        Route("/erased/{link}", asking.certificate, methods=["GET"]),
    )


def practice(provider: Provider) -> Practice:
    """What is held, who received it, choices, the policy that binds, requests."""
    return Practice(
        "rights",
        routes=_routes(provider),
        asks=ASKS,
        proves=PROVES,
        cards=[
            MenuEntry(
                "customer",
                "My privacy",
                "/me/privacy",
                "What we hold, who received it, and what you chose",
                60,
                bar=True,
            )
        ],
        destinations={
            "privacy": "/me/privacy",
            "copy": "/me/privacy/export",
            "correct": "/me/privacy/correct",
            "erase": "/me/privacy/erase",
            "close": "/me/close",
        },
        listeners={PRIVACY_SIGNAL: signals.note_signal},
        jobs=[
            Job("answer-corrections", ANSWER_SECONDS, corrections.answer_ready),
            Job("erasures", ERASE_SECONDS, erasure.carry_out),
        ],
        links={erasure.LINK: MessageLink("/erased", erasure.LASTS, outlives=True)},
    )

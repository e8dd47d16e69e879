"""What the practice of accounts brings."""

from __future__ import annotations

from starlette.routing import Route

from upheld.practice.brings import Card, Practice, Provider
from upheld.practice.visits import anybody, signed_in
from upheld.practices.accounts import domain
from upheld.practices.accounts.home import Home
from upheld.practices.accounts.sign_in import SignIn


def practice(provider: Provider) -> Practice:
    """Signing up, signing in, my account."""
    sign_in, home = SignIn(provider), Home(provider)
    return Practice(
        "accounts",
        routes=[
            Route("/sign-in", sign_in.show, methods=["GET"]),
            Route("/sign-in", anybody(provider, sign_in.send), methods=["POST"]),
            Route("/sign-out", signed_in(provider, "customer", sign_in.out), methods=["POST"]),
            Route("/me", signed_in(provider, "customer", home.show), methods=["GET"]),
        ],
        cards=[Card("customer", "My account", "/me", "Everything at a glance", 0, bar=True)],
        destinations={"accountmenu": "/me"},
        derived={"account-id": ((), domain.number_of)},
        payer=domain.payer_of,
        finders={"account": domain.by_number},
    )

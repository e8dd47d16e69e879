"""How much mail, and how many entries, somebody can cause who has not signed for it.

Whoever asks for a message is counted by their network and, where they are signed in, as themselves;
whoever gets it is counted too, so that no crowd of networks fills one mailbox. The limits are asked
before anything is written: a ledger forgets no entry, and so no stranger may make many.
"""

from __future__ import annotations

from typing import Final

from upheld.gate.public import normalised
from upheld.gate.transaction import Transaction
from upheld.practice.plugin import Provider
from upheld.web.limits import Rate

NETWORK: Final = Rate(10, 120)  # messages that a network asks for, of one kind
SENDER: Final = Rate(7, 3600)  # messages that a customer asks for
RECEIVER: Final = Rate(3, 600)  # messages of one kind to an address, whoever asks
REFUSALS_NETWORK: Final = Rate(5, 600)  # refusals of nobody that a network causes
REFUSALS: Final = Rate(200, 30)  # those that all of them cause together


def too_many_from(provider: Provider, transaction: Transaction, kind: str, network: str) -> bool:
    """Count a message that a network asks for; whether that is one too many."""
    return _exhausted(provider, transaction, NETWORK, f"{kind}-network", network)


def too_many_by(provider: Provider, transaction: Transaction, kind: str, customer: str) -> bool:
    """Count a message that a customer asks for; whether that is one too many."""
    return _exhausted(provider, transaction, SENDER, f"{kind}-sender", customer)


def too_many_to(provider: Provider, transaction: Transaction, kind: str, email: str) -> bool:
    """Count a message to an address, with any tag after a `+`; whether that is one too many."""
    local, _, domain = normalised("email", email).rpartition("@")
    receiver = f"{local.partition('+')[0]}@{domain}"
    return _exhausted(provider, transaction, RECEIVER, f"{kind}-receiver", receiver)


def too_many_refusals(provider: Provider, transaction: Transaction, network: str) -> bool:
    """Count a refusal that a stranger causes; whether its entry is one too many."""
    return _exhausted(
        provider, transaction, REFUSALS_NETWORK, "refusals-network", network
    ) or _exhausted(provider, transaction, REFUSALS, "refusals")


def _exhausted(provider: Provider, transaction: Transaction, rate: Rate, *name: str) -> bool:
    return bool(provider.limits.take(transaction.tables, rate, *name, at=provider.now()))

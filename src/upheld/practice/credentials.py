"""Passwords of a person, in one value of the vault: the hash that signs in, those of services.

They are read and changed through the gate like any other value. What signs in is an argon2id hash;
a service's own password has to be told to that service and is sealed as it is.
"""

from __future__ import annotations

from typing import Final

import msgspec

from upheld.core.ids import PersonId
from upheld.gate.act.request import Act, Refused
from upheld.gate.transaction import Transaction
from upheld.practice.unreadable import decoding

SIGN_IN: Final = "sign-in"
_DECODER: Final = msgspec.json.Decoder(dict[str, str])


def stored_secrets(
    transaction: Transaction, person_id: PersonId, purpose: str = "security"
) -> dict[str, str]:
    """A person's passwords as {use: secret}; empty where the policy refuses to read them."""
    answer = _read_secrets(transaction, person_id, purpose)
    return {} if isinstance(answer, Refused) else answer


def _read_secrets(
    transaction: Transaction, person_id: PersonId, purpose: str
) -> dict[str, str] | Refused:
    act = Act(action="use", data=("credentials",), purpose=purpose)
    result = transaction.act(act, person_id, entitled=True)
    if isinstance(result, Refused):
        return result
    return decode_secrets(result["credentials"]) if "credentials" in result.values else {}


def decode_secrets(value: str) -> dict[str, str]:
    """Decode the stored JSON into {use: secret}, such as {"sign-in": an argon2id hash}."""
    with decoding("credentials"):
        return _DECODER.decode(value)


def change_occasion(transaction: Transaction, person_id: PersonId) -> str:
    """The occasion of a change of password: `registration` for whoever has no service yet."""
    act, _ = transaction.letting_in(
        ("credentials",), source="customer", occasion="service-use", purpose="security"
    )
    return "service-use" if transaction.peek(person_id, act).allowed else "registration"


def change_secret(
    transaction: Transaction,
    person_id: PersonId,
    what: str,
    secret: str,
    *,
    occasion: str = "service-use",
) -> Refused | None:
    """Store the secret for one use. Returns the refusal where the policy refuses, else None."""
    before = _read_secrets(transaction, person_id, "security")
    if isinstance(before, Refused):
        return before  # what cannot be read must not be written over
    both = msgspec.json.encode({**before, what: secret}).decode()
    result = transaction.store(
        person_id,
        {"credentials": both},
        source="customer",
        occasion=occasion,
        purpose="security",
        entitled=True,
    )
    return result if isinstance(result, Refused) else None


def delete_secret(transaction: Transaction, person_id: PersonId, what: str) -> Refused | None:
    """Delete the secret for one use. Returns the refusal where the policy refuses, else None."""
    remaining = {
        each: secret
        for each, secret in stored_secrets(transaction, person_id).items()
        if each != what
    }
    result = transaction.store(
        person_id,
        {"credentials": msgspec.json.encode(remaining).decode()},
        source="customer",
        occasion=change_occasion(transaction, person_id),
        purpose="security",
        entitled=True,
    )
    return result if isinstance(result, Refused) else None

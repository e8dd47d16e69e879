"""What a program sends of our customers' purchases, signed by its company's key."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from practices.conftest import House
from practices.test_agreements import manager
from practices.test_feeds import email_of
from practices.test_partner_pulls import API
from practices.test_partner_transactions import row, stored
from practices.test_program_keys import URL, PrivateKey, SigningProgram, program_of, sign
from upheld.practice import parties, program_keys
from upheld.practices.agreements import assertions
from upheld.practices.agreements.partner_sales import SIGNATURE

PATH = f"{API}/transactions"


class Seller:
    """A program of a business partner with a key, and a row of a customer as it would send it."""

    def __init__(self, house: House, key: PrivateKey) -> None:
        self.house, self.key = house, key
        self.program: SigningProgram = program_of(house, key)
        self.party = house.do(lambda t: parties.add(t, "Northern Mail", "business-partner")).party
        _, email = email_of(house, "ann")
        self.body = urlencode({"rows": json.dumps([row(email)])}).encode()
        self.program.token = self.token()

    def token(self) -> str:
        """A token, for what the program signs."""
        text = sign(self.key, self.program.claims(self.house, "token"))
        return str(self.program.prove(text)[1]["access_token"])

    def claims(self, **others: Any) -> dict[str, Any]:
        """What is signed with the body, but for what is said otherwise."""
        digest = sha256(self.body).hexdigest()
        ours = {"jti": "rows", "aud": f"{URL}{PATH}", "body_sha256": digest, **others}
        return self.program.claims(self.house, **ours)

    def send(self, text: str | None, body: bytes = b"") -> int:
        """Send the row, or another body, with what signs it; the status."""
        headers = {
            "authorization": f"Bearer {self.program.token}",
            "content-type": "application/x-www-form-urlencoded",
        }
        headers |= {SIGNATURE: text} if text is not None else {}
        answer = self.program.http.post(PATH, content=body or self.body, headers=headers)
        return answer.status_code


@pytest.mark.parametrize(
    "make", [Ed25519PrivateKey.generate, lambda: ec.generate_private_key(ec.SECP256R1())]
)
def test_rows_that_are_signed_are_taken_once(house: House, make: Callable[[], PrivateKey]) -> None:
    """Of twenty who come with one signed text at once, one is heard; a new text adds nothing."""
    seller = Seller(house, make())
    text = sign(seller.key, seller.claims())
    assert [seller.send(text) for _ in range(2)] == [200, 401]
    at_once = sign(seller.key, seller.claims(jti="at once"))

    def attempt(_: int) -> bool:
        audience, body = f"{URL}{PATH}", seller.body
        proven = house.do(lambda t: assertions.prove(t, at_once, audience, body))
        return not isinstance(proven, str)

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(attempt, range(20))) == 1
    assert seller.send(sign(seller.key, seller.claims(jti="again"))) == 200
    assert len(stored(house)) == 1


@pytest.mark.parametrize(
    "others",
    [
        {"body_sha256": sha256(b"").hexdigest()},
        {"body_sha256": None},
        {"aud": f"{URL}{API}/token"},
        {"aud": [f"{URL}{PATH}", f"{URL}{API}/token"]},
        {"exp": 0},
        {"jti": ""},
        {"sub": "somebody"},
    ],
)
def test_rows_that_are_signed_otherwise_are_refused(house: House, others: dict[str, Any]) -> None:
    """Another body, endpoint, time or program: nothing is stored, and a right text still works."""
    seller = Seller(house, Ed25519PrivateKey.generate())
    assert seller.send(sign(seller.key, seller.claims(**others))) == 401
    assert stored(house) == []
    assert seller.send(sign(seller.key, seller.claims())) == 200


def test_a_token_alone_tells_us_nothing_of_a_company_with_a_key(house: House) -> None:
    """Nor do its rows by another key, changed on the way, or signed for another of its programs."""
    seller = Seller(house, Ed25519PrivateKey.generate())
    right = seller.claims()
    no_texts = [None, "", "x", "e30.e30.e30", "." * 5_000]
    assert {seller.send(each) for each in no_texts} == {401}
    assert seller.send(sign(Ed25519PrivateKey.generate(), right)) == 401
    assert seller.send(sign(None, right)) == 401
    assert seller.send(sign(seller.key, right), seller.body.replace(b"12.5", b"99.5")) == 401
    second = SigningProgram(house, seller.party, manager(house, "mia"))
    its = {"iss": second.client_id, "sub": second.client_id}
    assert seller.send(sign(seller.key, {**right, **its})) == 401
    assert stored(house) == []


def test_what_signs_a_body_gives_no_token(house: House) -> None:
    """And of a company without a key nothing that is signed counts, while its rows do."""
    seller = Seller(house, Ed25519PrivateKey.generate())
    text = sign(seller.key, seller.claims())
    assert seller.program.prove(text)[0] == 401
    house.do(lambda t: program_keys.put(t, seller.party, ""))
    assert (seller.send(text), stored(house)) == (401, [])
    assert seller.send(None) == 200

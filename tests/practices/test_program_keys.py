"""Programs of partners that sign who they are (RFC 7523), and what signs for nobody."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from practices.bills import address
from practices.conftest import House, send
from practices.test_agreements import manager, partner
from practices.test_partner_pulls import API, Program
from upheld.practice import program_keys
from upheld.practice.program_keys import ProgramKeyError
from upheld.practices.agreements import assertions, clients

URL = "https://larch.example"
DATABASES = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
PrivateKey = Ed25519PrivateKey | ec.EllipticCurvePrivateKey


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLite, but where a story is told on each database."""
    return address(request, tmp_path)


def pem(key: PrivateKey) -> str:
    """The public key, as a company registers it."""
    raw = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return raw.decode()


def encode(raw: bytes) -> str:
    """A part of a JWT."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def sign(key: PrivateKey | None, claims: dict[str, Any], **header: Any) -> str:
    """A JWT by a key; without a signature where there is none."""
    signed_by = "EdDSA" if isinstance(key, Ed25519PrivateKey) else "ES256"
    algorithm = signed_by if key is not None else "none"
    parts = ({"alg": algorithm, "typ": "JWT", **header}, claims)
    text = ".".join(encode(msgspec.json.encode(each)) for each in parts)
    if key is None:
        return f"{text}."
    if isinstance(key, Ed25519PrivateKey):
        return f"{text}.{encode(key.sign(text.encode()))}"
    numbers = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(SHA256())))
    return f"{text}.{encode(b''.join(each.to_bytes(32) for each in numbers))}"


class SigningProgram(Program):
    """A program that asks for its token by what it signs."""

    def claims(self, house: House, jti: str = "1", **others: Any) -> dict[str, Any]:
        """What it says of itself: good for a minute, but for what is said otherwise."""
        until = (house.clock.now() + timedelta(minutes=1)).timestamp()
        ours = {"iss": self.client_id, "sub": self.client_id, "aud": f"{URL}{API}/token"}
        return {**ours, "exp": int(until), "jti": jti, **others}

    def prove(self, assertion: str, **others: str) -> tuple[int, dict[str, Any]]:
        """Ask for a token; the status and the answer."""
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": assertions.TYPE,
            "client_assertion": assertion,
            **others,
        }
        answer = self.http.post(f"{API}/token", data=form)
        return answer.status_code, answer.json()


def program_of(house: House, key: PrivateKey) -> SigningProgram:
    """A program of a partner that has registered a key, at a provider that has an address."""
    settings = house.provider.settings
    house.provider.settings = msgspec.structs.replace(settings, url=URL)
    house.provider.limits.take = lambda *_, **__: 0.0  # type: ignore[method-assign] # many tries
    party = partner(house)
    program = SigningProgram(house, party, manager(house))
    house.do(lambda t: program_keys.put(t, party, pem(key)))
    return program


def program_party(house: House) -> str:
    """The company of the first program."""
    return house.do(lambda t: clients.clients(t.tables))[0].party


def test_a_program_that_signs_gets_a_token_and_its_secret_counts_no_more(house: House) -> None:
    """Of twenty who come at once with one signed text, one gets a token."""
    key: PrivateKey = Ed25519PrivateKey.generate()
    program = program_of(house, key)
    assert program.get_token() == ""
    text = sign(key, program.claims(house))

    def attempt(_: int) -> str:
        proven = house.do(lambda t: assertions.prove(t, text, f"{URL}{API}/token"))
        return "" if isinstance(proven, str) else proven.client_id

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(attempt, range(20)))
    assert sorted(answers) == [""] * 19 + [program.client_id]
    assert program.prove(text)[0] == 401
    odd = sign(key, program.claims(house, "# *\u00fc*\n\x00'"))
    assert [program.prove(odd)[0] for _ in range(2)] == [200, 401]
    status, answer = program.prove(sign(key, program.claims(house, "2")))
    assert status == 200
    program.token = str(answer["access_token"])
    assert program.ask("/agreements", {})[0] == 200
    party, key = program_party(house), ec.generate_private_key(ec.SECP256R1())
    house.do(lambda t: program_keys.put(t, party, pem(key)))
    again = sign(key, program.claims(house, "3"))
    assert program.prove(again, client_id=program.client_id)[0] == 200
    by = manager(house, "mia")
    assert house.do(lambda t: clients.add(t, party, by=by))[1] == ""


@DATABASES
def test_what_is_not_signed_for_us_now_by_the_key_of_its_company_is_refused(house: House) -> None:
    """Another key, algorithm, audience, subject, time or form: each gets no token, and says why."""
    key, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    program = program_of(house, key)
    now = house.clock.now().timestamp()
    claims = program.claims(house)
    second = Program(house, partner(house, "Southern Mail"), manager(house, "mia"))
    theirs = {"iss": second.client_id, "sub": second.client_id}
    raw = key.public_key().public_bytes_raw()
    head, body, signature = sign(key, claims).split(".")
    lone_surrogate = b'{"jti": "\\ud800"}'
    texts = [
        sign(other, claims),
        sign(ec.generate_private_key(ec.SECP256R1()), claims),
        sign(None, claims),
        sign(key, claims, alg="none"),
        sign(key, claims, alg="HS256", jwk=encode(raw)),
        sign(key, claims, crit=["b64"]),
        f"{head}.{body}.",
        f"{head}.{body}.{signature}=",
        f"{head}.{encode(msgspec.json.encode({**claims, 'jti': '2'}))}.{signature}",
        sign(key, {**claims, "aud": "https://other.example/token"}),
        sign(key, {**claims, "aud": [claims["aud"], "https://other.example/token"]}),
        sign(key, {**claims, "aud": URL}),
        sign(key, {**claims, "iss": "somebody"}),
        sign(key, {**claims, **theirs}),
        sign(key, {**claims, "sub": "nobody", "iss": "nobody"}),
        sign(key, {**claims, "exp": now}),
        sign(key, {**claims, "exp": now + 3600}),
        sign(key, {**claims, "exp": 1e300}),
        sign(key, {**claims, "iat": now + 120}),
        sign(key, {**claims, "nbf": now + 120}),
        sign(key, {**claims, "sub": "a\x00b", "iss": "a\x00b"}),
        sign(key, {**claims, "sub": "# *\u00fc*\n", "iss": "# *\u00fc*\n"}),
        f"{head}.{encode(lone_surrogate)}.{signature}",
        sign(key, {**claims, "jti": ""}),
        sign(key, {name: value for name, value in claims.items() if name != "jti"}),
        sign(key, {**claims, "jti": "x" * 9_000}),
        "",
        "a.b.c",
        "\u00fc.\u00fc.\u00fc",
    ]
    for text in texts:
        status, answer = program.prove(text)
        assert (status, answer["error"]) == (401, "invalid_client"), text
        assert answer["error_description"]
    for odd in ("a\x00b", "\u00fc\n", ""):
        basic = base64.b64encode(f"{odd}:{second.secret}".encode()).decode()
        answer_to_odd = program.http.post(
            f"{API}/token",
            data={"grant_type": "client_credentials"},
            headers={"authorization": f"Basic {basic}"},
        )
        assert answer_to_odd.status_code == 401
    good = sign(key, claims)
    assert program.prove(good, client_id=second.client_id)[0] == 401
    for wrong in ({"client_secret": program.secret}, {"client_assertion_type": "saml"}):
        assert program.prove(sign(key, claims), **wrong)[0] == 400


def test_a_revoked_program_and_a_provider_without_address_let_nobody_in(house: House) -> None:
    """The key goes on to belong to the company; where it is taken away, secrets count again."""
    key = Ed25519PrivateKey.generate()
    program = program_of(house, key)
    party, by = program_party(house), manager(house, "mia")
    house.provider.settings = msgspec.structs.replace(house.provider.settings, url="")
    assert program.prove(sign(key, program.claims(house, aud="/api/partner/token")))[0] == 401
    house.provider.settings = msgspec.structs.replace(house.provider.settings, url=URL)
    house.do(lambda t: program_keys.put(t, party, ""))
    assert program.prove(sign(key, program.claims(house)))[0] == 401
    assert program.get_token()
    house.do(lambda t: program_keys.put(t, party, pem(key)))
    house.do(lambda t: clients.revoke(t, program.client_id, by=by))
    assert program.prove(sign(key, program.claims(house)))[0] == 401


def test_managers_register_the_key_and_the_address_of_a_company_on_its_page(house: House) -> None:
    """What is no public key or no address is refused beside its field; both can be taken away."""
    party, desk = partner(house), house.signed_in(manager(house), "staff")
    page = f"/staff/parties/{party}"
    for path, form in (
        (
            "program-key",
            {"program-key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"},
        ),
        ("mail", {"mail": "desk@fjord.example\nBcc: a@b.example"}),
    ):
        assert send(desk, f"{page}/{path}", form, page).status_code == 422
    key = ec.generate_private_key(ec.SECP256R1())
    lines = pem(key).strip().splitlines()
    sent = send(desk, f"{page}/program-key", {"program-key": "\r\n".join(lines)}, page)
    assert sent.status_code == 303
    assert send(desk, f"{page}/mail", {"mail": "desk@fjord.example"}, page).status_code == 303
    text = desk.get(page).text
    assert lines[1][:40] in text.replace("&#43;", "+")
    assert "desk@fjord.example" in text
    for path, name in (("program-key", "program-key"), ("mail", "mail")):
        assert send(desk, f"{page}/{path}", {name: ""}, page).status_code == 303
    assert "desk@fjord.example" not in desk.get(page).text
    weak = base64.b64encode(bytes(32)).decode()
    for wrong in (pem(ec.generate_private_key(ec.SECP384R1())), weak, "\u00fc", "AAAA"):
        with pytest.raises(ProgramKeyError):
            house.do(partial(program_keys.put, party=party, text=wrong))

"""What practices seal for their purposes: it opens in its place alone, under its own key."""

from __future__ import annotations

import hmac
import re
from pathlib import Path

import pytest

from upheld.gate.sealing import BY_THEMSELVES, Sealer
from upheld.vault.envelope import SealError, context, seal
from upheld.vault.keyring import KeyFile, Keyring

SRC = Path(__file__).parents[2] / "src/upheld"
HOUSE = ("gate", "vault", "ledger", "database", "api", "app", "cli")


@pytest.fixture
def keys(tmp_path: Path) -> Keyring:
    """A keyring of this test."""
    (tmp_path / "master").write_bytes(bytes(range(32)))
    (tmp_path / "master").chmod(0o600)
    return Keyring.create(tmp_path / "keyring", KeyFile(tmp_path / "master"))


def test_a_seal_opens_in_its_place_alone(keys: Keyring) -> None:
    """What was sealed for one person, word or purpose opens for no other."""
    sealed = Sealer(keys, "payment").seal(b"12", "anna", "form")
    assert Sealer(keys, "payment").unseal(sealed, "anna", "form") == b"12"
    for sealer, place in (
        (Sealer(keys, "payment"), ("bert", "form")),
        (Sealer(keys, "payment"), ("annaform",)),
        (Sealer(keys, "sandbox"), ("anna", "form")),
        (Sealer(keys, "payment", "more"), ("anna", "form")),
    ):
        with pytest.raises(SealError):
            sealer.unseal(sealed, *place)


def test_what_was_sealed_and_handed_out_before_there_were_sealers_still_opens(
    keys: Keyring,
) -> None:
    """Each purpose that practices had keeps the key that they derived for it themselves."""
    for purpose in BY_THEMSELVES:
        key = keys.derived(purpose)
        sealed = seal(key, b"value", context("somebody"))
        assert Sealer(keys, purpose).unseal(sealed, "somebody") == b"value"
        assert Sealer(keys, purpose).mark(b"x") == hmac.digest(key, b"x", "sha256")
    assert Sealer(keys, "web", "csrf").mark(b"x") == hmac.digest(
        keys.derived("web", "csrf"), b"x", "sha256"
    )


def test_no_purpose_gives_a_key_of_the_house(keys: Keyring) -> None:
    """A purpose that is named as a use of the gate, the vault or the database has another key."""
    uses = {
        use
        for room in HOUSE
        for path in (SRC / room).rglob("*.py")
        for use in re.findall(r'derived\("([a-z-]+)"', path.read_text())
    }
    assert {"erasures", "register-text", "rows"} <= uses
    assert not uses & BY_THEMSELVES
    for use in uses:
        mine = hmac.digest(keys.derived(use), b"x", "sha256")
        assert Sealer(keys, use).mark(b"x") != mine


def test_a_sealer_shows_no_key(keys: Keyring) -> None:
    """Neither its text nor any of its names that may be used gives the key."""
    sealer = Sealer(keys, "payment")
    assert keys.derived("payment").hex() not in repr(sealer)
    public = [name for name in dir(sealer) if not name.startswith("_")]
    assert sorted(public) == [
        *("mark", "mark_of", "marks_of", "name_of", "seal", "seal_each", "unseal")
    ]


def test_a_name_for_somebody_outside_is_the_same_for_the_same_parts(keys: Keyring) -> None:
    """By such a name a processor knows a payment again, and no other list of parts has it."""
    sealer = Sealer(keys, "payment")
    assert sealer.name_of("anna", "form") == sealer.name_of("anna", "form")
    assert sealer.name_of("anna", "form") != sealer.name_of("annaf", "orm")
    assert sealer.mark_of("a", "b") != sealer.mark_of("ab")

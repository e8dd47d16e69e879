"""Sealed values: what opens, what does not, and what their length tells."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from upheld.vault.envelope import (
    STEP,
    SealError,
    context,
    derive,
    digest,
    new_key,
    pad,
    seal,
    unseal,
)

PARTS = st.lists(st.one_of(st.text(max_size=5), st.integers(), st.binary(max_size=5)), max_size=4)


@given(st.binary(max_size=300), st.binary(max_size=20))
def test_what_is_sealed_opens(value: bytes, belongs: bytes) -> None:
    """With its key and context a sealed value is the value again, and never sealed alike twice."""
    key = new_key()
    sealed = seal(key, value, belongs)
    assert unseal(key, sealed, belongs) == value
    assert seal(key, value, belongs) != sealed
    assert digest(sealed) != digest(seal(key, value, belongs))


@given(st.binary(max_size=100))
def test_a_flip_anywhere_is_found(value: bytes) -> None:
    """Each byte of a sealed value counts, and so does each byte at its end."""
    key, belongs = new_key(), context("person", 7, "email", 1)
    sealed = seal(key, value, belongs)
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 0x01
        with pytest.raises(SealError):
            unseal(key, bytes(changed), belongs)
    for cut in (sealed[:-1], sealed + b"\0", b"", sealed[:20]):
        with pytest.raises(SealError):
            unseal(key, cut, belongs)


def test_another_place_or_key_does_not_open() -> None:
    """A value that was copied to another person, field or revision does not open there."""
    key = new_key()
    sealed = seal(key, b"ann@example.org", context("ann", "email", 1))
    for key_, belongs in (
        (key, context("bob", "email", 1)),
        (key, context("ann", "phone", 1)),
        (key, context("ann", "email", 2)),
        (new_key(), context("ann", "email", 1)),
    ):
        with pytest.raises(SealError, match="email address does not open"):
            unseal(key_, sealed, belongs, what="email address")


@given(PARTS, PARTS)
def test_contexts_are_never_mixed_up(one: list[str | int | bytes], two: list[str | int]) -> None:
    """Two lists of parts have one context if and only if they are the same list."""
    same = [(type(part), part) for part in one] == [(type(part), part) for part in two]
    assert (context(*one) == context(*two)) == same


@given(st.binary(max_size=200))
def test_padding_hides_lengths_within_a_step(value: bytes) -> None:
    """A padded value has a multiple of 32 bytes, the fewest that hold it and its length."""
    assert len(pad(value)) % STEP == 0
    assert len(pad(value)) == -(-(len(value) + 4) // STEP) * STEP


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0" * 31,
        b"\0" * 33,
        (40).to_bytes(4, "big") + bytes(28),
        bytes(31) + b"\1",
        bytes(64),
    ],
)
def test_padding_that_is_not_ours_is_refused(raw: bytes) -> None:
    """A length past the end, a byte in the filling or a wrong size is no padded value."""
    key, nonce = AESGCM(new_key()), bytes(12)
    sealed = b"\1" + nonce + key.encrypt(nonce, raw, b"\1")
    with pytest.raises(SealError):
        unseal(key, sealed, b"")


def test_derived_keys_differ_by_use() -> None:
    """One key gives another for each use, and the same for the same use."""
    key = new_key()
    assert derive(key, "index", "email") == derive(key, "index", "email")
    assert len({derive(key, "index", "email"), derive(key, "index", "phone"), key}) == 3

"""What the list of erasures has of each: sealed under the keyring, so that it names nobody."""

from __future__ import annotations

import msgspec

from upheld.core.ids import EntryNumber
from upheld.gate.erasure.certificate import Certificate
from upheld.vault.envelope import context as bound_to
from upheld.vault.envelope import seal
from upheld.vault.erasures import ErasureLine
from upheld.vault.keyring import Keyring

BEGUN, GONE, DONE = "begun", "gone", "done"  # the states of an erasure, in their order


class SealedErasure(msgspec.Struct, frozen=True):
    """What is kept of an erasure beside its state: what is to be done, and what will be told."""

    id: str
    erased: ErasureLine
    certificate: Certificate


def seal_erasure(keyring: Keyring, name: str, entry: EntryNumber, sealed: SealedErasure) -> bytes:
    """The form in which an erasure lies in its row, bound to its token and its entry."""
    raw = msgspec.json.encode(sealed)
    return seal(keyring.derived("erasure"), raw, bound_to("erasure", name, entry))

"""What may be named outside the gate of what it stands on: none of it opens anything.

These are shapes of what the gate gives, errors that it raises, and the check of a receipt, which
needs nothing but a public key.
"""

from upheld.database.seals import SealedError
from upheld.gate.editions.licences import Licence
from upheld.gate.editions.standing import Standing
from upheld.gate.editions.store import Edition, EditionError
from upheld.ledger.checkpoint import Checkpoint
from upheld.ledger.counts import SMALL, Counts, Range, Signed, write_signed
from upheld.ledger.entries import Entry
from upheld.ledger.note import is_weak_key
from upheld.ledger.verify import verify_receipt, write_receipt
from upheld.vault.blind_index import normalised
from upheld.vault.envelope import SealError
from upheld.vault.people import REGISTER, VaultError
from upheld.vault.values import Value

__all__ = [
    "REGISTER",
    "SMALL",
    "Checkpoint",
    "Counts",
    "Edition",
    "EditionError",
    "Entry",
    "Licence",
    "Range",
    "SealError",
    "SealedError",
    "Signed",
    "Standing",
    "Value",
    "VaultError",
    "is_weak_key",
    "normalised",
    "verify_receipt",
    "write_receipt",
    "write_signed",
]

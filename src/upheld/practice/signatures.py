"""Texts of ours that anybody checks: each with a signature of all that stands above it."""

from __future__ import annotations

import base64

from upheld.gate.transaction import Transaction


def with_signature(transaction: Transaction, purpose: str, text: str) -> str:
    """A text that ends its last line, with our signature of it for a purpose, and the key.

    Both are Ed25519 in base64; an empty line stands before them, which is not signed.
    """
    signer = transaction.signer(purpose)
    signature = base64.b64encode(signer.sign(text.encode())).decode()
    return f"{text}\nsignature: {signature}\nkey: {base64.b64encode(signer.public).decode()}\n"

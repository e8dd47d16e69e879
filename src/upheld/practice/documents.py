"""Documents that a desk takes in: scans and files of a few kinds, kept sealed and never run."""

from __future__ import annotations

from typing import Final

DOCUMENT_MAX: Final = 1_000_000  # bytes
_KINDS: Final = {b"%PDF-": "pdf", b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpg"}


def problem_with(document: bytes) -> tuple[str, str]:
    """What is wrong with a document, and what to do about it; two empty texts where nothing is."""
    if len(document) > DOCUMENT_MAX:
        return (
            f"the document has more than {DOCUMENT_MAX:,} bytes",
            "scan it in black and white, and keep the original on paper",
        )
    if not document_type(document):
        return "the document is no PDF and no PNG or JPEG picture", "send it as one of these"
    return "", ""


def document_type(document: bytes) -> str:
    """How the name of a document's file ends; empty for what we take none of."""
    return next((end for start, end in _KINDS.items() if document.startswith(start)), "")

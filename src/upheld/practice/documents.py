"""Documents that a desk takes in: scans and files of a few kinds, kept sealed and never run."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.datastructures import FormData, UploadFile

from upheld.core.files import read_file

DOCUMENT_MAX: Final = 10_000_000  # bytes: some sixty pages as they were scanned and signed
FORM_MAX: Final = DOCUMENT_MAX + 48_000  # of a form with a document
_KINDS: Final = {b"%PDF-": "pdf", b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpg"}


async def document_in(form: FormData, name: str) -> bytes:
    """The document that was chosen in a field of a form, of which it is taken out; or nothing."""
    file = form.get(name)
    if not isinstance(file, UploadFile) or not file.filename:
        return b""
    document = await file.read()
    await file.close()  # what is in memory is there once
    return document


def document_at(path: Path) -> bytes:
    """The document in a file; of one that is too large so much that this can be seen."""
    return read_file(path, at_most=DOCUMENT_MAX + 1)[0]


def problem_with(document: bytes) -> tuple[str, str]:
    """What is wrong with a document, and what to do about it; two empty texts where nothing is."""
    if len(document) > DOCUMENT_MAX:
        return (
            f"the document has more than {DOCUMENT_MAX:,} bytes",
            "scan it in black and white or with fewer dots, and keep the original on paper",
        )
    if not document_type(document):
        return "the document is no PDF and no PNG or JPEG picture", "send it as one of these"
    return "", ""


def document_type(document: bytes) -> str:
    """How the name of a document's file ends; empty for what we take none of."""
    return next((end for start, end in _KINDS.items() if document.startswith(start)), "")

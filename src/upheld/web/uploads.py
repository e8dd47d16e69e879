"""A text that is sent as a file, or pasted into the field beside it."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import FormData, UploadFile

FILE: Final = "file"
TEXT: Final = "text"


async def uploaded(form: FormData) -> tuple[bytes, str]:
    """The bytes of the file that was sent or else of the text, and the text to be shown again."""
    file, text = form.get(FILE), form.get(TEXT)
    pasted = text if isinstance(text, str) else ""
    if isinstance(file, UploadFile) and file.filename:
        return await file.read(), pasted
    lines = pasted.replace("\r\n", "\n").strip()  # a browser sends its lines so
    return (lines + "\n").encode() if lines else b"", pasted

"""Rule and example blocks laid out anew, in place: every other byte of the file stays.

A block with a comment is left alone, since the layout has no place for it. What comes out is read
again and must say the same, clause by clause, or nothing is changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from upheld.core.errors import UpheldError
from upheld.policy.document import Block, Document, decode, read_document
from upheld.policy.load import MAGIC
from upheld.policy.parse import parse_block, parse_examples
from upheld.policy.syntax import print_block, print_example

END = re.compile(r"(\r\n|\r|\n)")
MARK = b"\xef\xbb\xbf"


def relaid(raw: bytes, file: str) -> bytes:
    """The bytes of a policy with its blocks laid out; UpheldError where that cannot be done."""
    if raw.startswith(MAGIC):
        raise UpheldError(
            f"{file} is a compiled policy", code="usage", hint="name the Markdown file"
        )
    document = _read(raw, file)
    if document is None:
        raise UpheldError(
            f"{file} cannot be read",
            code="unreadable",
            hint=f"`upheld check {file}` says what is wrong, and where",
        )
    mark = MARK if raw.startswith(MARK) else b""
    pieces = END.split(raw.removeprefix(MARK).decode())
    lines, ends = pieces[::2], [*pieces[1::2], ""]
    for block in reversed(list(_blocks(document))):
        _lay(block, lines, ends)
    content = mark + "".join(map("".join, zip(lines, ends, strict=True))).encode()
    again = _read(content, file)
    if again is None or _statements(again) != _statements(document):
        raise UpheldError(
            f"{file} cannot be laid out without a change of what it says; nothing was changed",
            code="layout",
            hint="lay out the rules by hand; `upheld check` says whether they still hold",
        )
    return content


def _read(raw: bytes, file: str) -> Document | None:
    text, _ = decode(raw, file)
    document, faults = read_document(text, file)
    return None if faults else document


def _blocks(document: Document) -> Iterator[Block]:
    """All blocks in the order of the file."""
    blocks = [block for section in document.sections for block in section.blocks]
    return iter(sorted(blocks, key=lambda block: block.line))


def _lay(block: Block, lines: list[str], ends: list[str]) -> None:
    """Lay one block out in the lines of its file."""
    text, old = printed(block), block.text.split("\n")[:-1]
    if not text or text == block.text or "%" in block.text:
        return
    first, last = block.line - 1, block.line - 1 + len(old)
    if any(
        not line.endswith(old_line) for line, old_line in zip(lines[first:last], old, strict=True)
    ):
        return  # a tab that is partly indentation
    full = next(n for n, line in enumerate(old) if line)
    prefix = lines[first + full][: block.columns[full] - 1]
    new = [prefix + line for line in text.splitlines()]
    lines[first:last] = new
    ends[first:last] = [ends[first]] * len(new)


def printed(block: Block) -> str:
    """A block's text as it is laid out, or an empty string where it has mistakes."""
    if block.kind == "rule":
        statements, mistakes = parse_block(block.text)
        text = print_block(statements)
    else:
        examples, mistakes = parse_examples(block.text)
        text = "".join(print_example(each) + "\n" for each in examples)
    return "" if mistakes else text


def _statements(document: Document) -> list[object]:
    """What a document says: its clauses, what stands between them, and its blocks laid out."""
    clauses = [
        (
            s.id,
            s.kind,
            s.html,
            s.level,
            s.depth,
            s.ordered,
            s.quoted,
            s.note,
            s.severed,
            s.heading,
            s.introduced_by,
            s.in_item,
            tuple((b.kind, printed(b) or b.text) for b in s.blocks),
        )
        for s in document.sections
    ]
    return [document.front, clauses, document.inserts]

"""The document around the rules: front matter, clauses, and the blocks that follow them.

Markdown is read by markdown-it; nothing of it is passed through that it did not make itself. All
places are lines and columns of the file, front matter included, so the front matter is blanked
rather than cut off. One run finds every mistake.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from functools import cache
from typing import TYPE_CHECKING, Literal

import msgspec
from markdown_it.token import Token

from upheld.core.errors import Fault, nearest
from upheld.policy.front_matter import FrontReader, decode, newlines
from upheld.policy.markdown_parser import LENGTH_MAX, NESTING_MAX, markdown_parser
from upheld.policy.program import Front, Insert
from upheld.policy.vocabulary import WORD

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Block", "Document", "Section", "decode", "read_document"]

KINDS: tuple[Literal["rule", "example"], ...] = ("rule", "example")
RIGHT = re.compile(rf"\{{(?:#({WORD.pattern[:-2]})(?: \.(note|severed))?|\.(note))\}}\Z")
FORMS = "`{#id}`, `{.note}`, `{#id .note}` or `{#id .severed}`"
EXPECTED = {  # by code, where a fault says nothing closer to it
    "bad-id": f"{FORMS}, the id in small letters, digits and single hyphens",
    "duplicate-id": "an id of its own for each clause",
    "front-matter": "lines of `key: value`, with `policy:` and the title, between lines `---`",
    "html": "Markdown, or `\\<` for the character",
    "misplaced-example": "`example` blocks right under the clause that they belong to",
    "misplaced-id": f"{FORMS} as the last word of a clause's text; or `\\{{` for the character",
    "misplaced-rule": "`rule` blocks right under the clause that they belong to",
    "near-info": "`rule` or `example` alone after the fence, or another word",
    "note-with-rules": "no rule, or no `.note`",
    "too-deep": f"at most {NESTING_MAX // 2} lists in each other",
    "too-long": f"at most {LENGTH_MAX} characters",
    "unclosed-fence": "a line with the same fence, indented like the first",
}
HIDDEN_FENCE = re.compile(r"^[ \t]*(?:`{3,}|~{3,})[ \t]*(rule|example)[ \t]*$", re.MULTILINE)
LEAVES = re.compile(r"(?:https?:)?//", re.IGNORECASE)


class Block(msgspec.Struct, frozen=True):
    """A rule or example block; `line` and `column` are where its content begins in the file.

    `rows` and `columns` have the offset and the column at which each line of it begins.
    """

    text: str
    line: int
    column: int
    kind: Literal["rule", "example"]
    rows: tuple[int, ...]
    columns: tuple[int, ...]

    def place(self, offset: int) -> tuple[int, int]:
        """Say at which line and column of the file an offset of the text stands."""
        row = bisect_right(self.rows, offset) - 1
        return self.line + row, max(1, self.columns[row] + offset - self.rows[row])


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A clause as the document has it, before its rules are read.

    `heading` is the index of the heading under which it stands (for a heading, the next higher
    one before it), `introduced_by` that of the clause that introduces its list; -1 if none.
    """

    id: str
    kind: Literal["heading", "paragraph", "item"]
    text: str
    html: str
    line: int
    level: int = 0
    depth: int = 0
    ordered: bool = False
    quoted: bool = False
    note: bool = False
    severed: bool = False
    heading: int = -1
    introduced_by: int = -1
    in_item: bool = False
    first_of_item: bool = False
    blocks: tuple[Block, ...] = ()


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A policy file taken apart."""

    front: Front
    sections: tuple[Section, ...]
    inserts: tuple[Insert, ...]
    source: str


def read_document(text: str, file: str) -> tuple[Document | None, list[Fault]]:
    """Take a policy apart, with every fault; no document where there is nothing to read."""
    reader = _DocumentReader(newlines(text.removeprefix("\ufeff")), file)
    front = FrontReader(reader.lines, reader.fault)
    after = front.read()
    try:
        reader.read(after)
    except RecursionError:
        reader.too_deep(after)
    faults = sorted(reader.faults, key=lambda f: (f.line, f.column))
    if not reader.source.strip():
        return None, faults
    sections = tuple(
        msgspec.structs.replace(section, blocks=tuple(blocks)) if blocks else section
        for section, blocks in zip(reader.sections, reader.blocks, strict=True)
    )
    return Document(
        front=front.front, sections=sections, inserts=tuple(reader.inserts), source=reader.source
    ), faults


def _plain(tokens: Sequence[Token]) -> str:
    breaks = ("softbreak", "hardbreak")
    return "".join(
        " " if t.type in breaks else _plain(t.children) if t.children else t.content for t in tokens
    )


def _link(target: str, **attrs: str | float) -> Token:
    rel = {"rel": "noreferrer"} if LEAVES.match(target) else {}
    return Token("link_open", "a", 1, attrs={"href": target, **attrs, **rel})


def _slug(text: str, words: int = 9) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    slug = "-".join(re.findall(r"[a-z0-9]+", plain)[:words]).lstrip("0123456789-")
    return slug if WORD.match(slug) else ""


def _near_kind(info: str) -> str:
    """`rule` or `example` where an info string is nearly that, else an empty string."""
    words = unicodedata.normalize("NFKC", info).casefold().split()
    word = words[0].strip("{}[]().,:;=#\"'`") if words else ""
    return next((kind for kind in KINDS if re.fullmatch(_one_slip(kind), word)), "")


@cache
def _one_slip(word: str) -> str:
    """Match a word with at most one letter more, less, other or swapped with the next."""
    cuts = [(word[:n], word[n:]) for n in range(len(word) + 1)]
    swaps = [a + b[1:2] + b[:1] + b[2:] for a, b in cuts]
    return "|".join([*swaps, *(f"{a}.{b}|{a}.?{b[1:]}" for a, b in cuts)])


class _Frame:
    """A container: the document, a list item or a quotation."""

    def __init__(self) -> None:
        self.item = self.ordered = self.in_item = self.quoted = False
        self.depth = 0
        self.introducer = self.outer_heading = -1
        self.headings: list[tuple[int, int]] = []
        self.target = -1  # the clause that a block here would follow directly
        self.inserted_after = -1  # the clause whose table or code block stands last here
        self.last = "nothing"  # what stands last, where that is not a clause
        self.clauses = 0

    def inner(self, *, item: bool, ordered: bool) -> _Frame:
        frame = _Frame()
        frame.item, frame.ordered, frame.in_item = item, ordered, item or self.in_item
        frame.quoted, frame.depth = self.quoted or not item, self.depth + 1
        frame.introducer = self.target if item else self.introducer
        frame.outer_heading = self.heading
        return frame

    @property
    def heading(self) -> int:
        return self.headings[-1][1] if self.headings else self.outer_heading

    def end(self, what: str) -> None:
        self.target, self.last, self.inserted_after = -1, what, -1


class _DocumentReader:
    """Walks the tokens of one document."""

    def __init__(self, source: str, file: str) -> None:
        self.source, self.file = source, file
        self.lines = source.split("\n")
        self.faults: list[Fault] = []
        self.sections: list[Section] = []
        self.blocks: list[list[Block]] = []
        self.inserts: list[Insert] = []
        self.places: list[tuple[int, int]] = []
        self.ids: dict[str, int] = {}
        self.marred: set[int] = set()  # clauses whose mark is wrong: no more is said of their ids
        self.frame = _Frame()
        self.stack: list[_Frame] = []
        self.lists: list[bool] = []  # whether the lists around are numbered
        self.inline: tuple[Token | None, list[int], list[int]] = (None, [], [])
        self.md = markdown_parser()

    def fault(
        self, place: tuple[int, int], code: str, message: str, expected: str = "", near: str = ""
    ) -> None:
        clause = self.sections[self.frame.heading].text if self.frame.heading >= 0 else ""
        self.faults.append(
            Fault(
                file=self.file,
                line=place[0],
                column=place[1],
                code=code,
                message=message,
                expected=expected or EXPECTED.get(code, ""),
                nearest=near,
                clause=clause,
            )
        )

    # Markdown

    def read(self, after: int) -> None:
        env: dict[str, object] = {}
        tokens = self.md.parse("\n" * after + "\n".join(self.lines[after:]) + "\n", env)
        table: list[Token] = []
        for at, token in enumerate(tokens):
            if table or token.type == "table_open":
                table.append(token)
                if token.type == "inline":
                    token.children = self.scan(token, token.children or [], exact=False)
                elif token.type == "table_close":
                    self.insert(table, "a table")
                    table = []
            elif token.type == "inline":
                self.clause(token, tokens[at - 1])
            elif token.nesting:
                self.container(token.type, token.nesting)
            else:
                self.leaf(token)
        self.finish()
        if isinstance(deep := env.get("deep"), int):
            self.too_deep(deep)
        long = env.get("long")
        for line in long if isinstance(long, list) else ():
            self.fault((line + 1, 1), "too-long", "the clause is too long to be read")

    def too_deep(self, line: int) -> None:
        self.fault((line + 1, 1), "too-deep", "lists and quotations are nested too deep here")

    def container(self, kind: str, nesting: int) -> None:
        if kind in ("list_item_open", "blockquote_open"):
            item = kind == "list_item_open"
            self.stack.append(self.frame)
            self.frame = self.frame.inner(item=item, ordered=item and self.lists[-1])
        elif kind in ("list_item_close", "blockquote_close"):
            self.frame = self.stack.pop()
            self.frame.end("a quotation") if kind == "blockquote_close" else None
        elif kind.endswith("list_open"):
            self.lists.append(kind == "ordered_list_open")
        elif kind.endswith("list_close") and nesting < 0:
            self.lists.pop()
            self.frame.end("a list")

    def leaf(self, token: Token) -> None:
        if token.type == "fence":
            self.fence(token)
        elif token.type == "hr":
            self.insert([token], "a thematic break")
        elif token.type == "html_block":
            self.html(self.find(token, token.content.strip()), token.content)
        elif fence := HIDDEN_FENCE.search(token.content):
            line = (token.map or [0])[0] + token.content.count("\n", 0, fence.start(1))
            column = self.lines[line].find(fence.group().strip()) + 1
            message = f"the fence of this `{fence[1]}` block is indented so far that it is code"
            expected = "the fence in line with the text that it follows"
            self.fault((line + 1, max(1, column)), f"misplaced-{fence[1]}", message, expected)
        else:
            self.insert([token], "a code block")

    def finish(self) -> None:
        self.frame = _Frame()
        for index, blocks in enumerate(self.blocks):
            section = self.sections[index]
            rules = [block for block in blocks if block.kind == "rule"]
            if not rules or index in self.marred:
                continue
            self.frame.outer_heading = index if section.level else section.heading
            if section.note:
                self.fault(
                    rules[0].place(0),
                    "note-with-rules",
                    "a rule follows a clause marked `.note`, which has nothing to enforce",
                )
            elif not section.id:
                slug = _slug(section.text, 3) or "id"
                self.fault(
                    self.places[index],
                    "missing-id",
                    "the clause has rules but no id",
                    f"a mark such as `{{#{slug}}}` at its end",
                )

    def find(self, token: Token, needle: str) -> tuple[int, int]:
        """Find the first line of a token that has these words, or where it begins."""
        first, last = token.map or (0, 1)
        needle = needle.split("\n", maxsplit=1)[0]
        places = ((n, self.lines[n].find(needle)) for n in range(first, last))
        line, column = next((place for place in places if place[1] >= 0), (first, 0))
        return line + 1, column + 1

    def within(self, token: Token, offset: int) -> tuple[int, int]:
        """Find an offset of a clause's inline content: its lines end as the file's do."""
        first = (token.map or [0])[0]
        if self.inline[0] is not token:
            rows, columns, start = [], [], 0
            for number, line in enumerate(token.content.split("\n"), first):
                indent = len(line) - len(line.lstrip())
                rows.append(start)
                columns.append(max(0, self.lines[number].rfind(line.strip())) + 1 - indent)
                start += len(line) + 1
            self.inline = token, rows, columns
        row = bisect_right(self.inline[1], offset) - 1
        return first + row + 1, max(1, self.inline[2][row] + offset - self.inline[1][row])

    def insert(self, tokens: Sequence[Token], what: str) -> None:
        html = self.md.renderer.render(tokens, self.md.options, {})
        frame = self.frame
        by = frame.target if frame.target >= 0 else frame.inserted_after
        text = " ".join(_plain([token]) for token in tokens if token.content).strip()
        line = (tokens[0].map or [0])[0] + 1
        self.inserts.append(Insert(html.strip(), len(self.sections) - 1, line, text, by))
        frame.end(what)
        frame.inserted_after = by if text else -1

    def html(self, place: tuple[int, int], content: str) -> None:
        excerpt = content.strip().split("\n", maxsplit=1)[0][:40]
        self.fault(place, "html", f"raw HTML: `{excerpt}`")

    # Clauses

    def scan(self, token: Token, children: Sequence[Token], *, exact: bool) -> list[Token]:
        """Report HTML and marks in inline content, and make it safe: they become text.

        An image becomes a link to it, or in a link its words: a page asks nobody for anything.
        """
        links, tokens = 0, []
        for child in children:
            links += child.nesting if child.type in ("link_open", "link_close") else 0
            if child.type == "link_open":
                attrs = {k: v for k, v in child.attrs.items() if k != "href"}
                tokens.append(_link(str(child.attrs["href"]), **attrs))
            elif child.type == "image":
                source = str(child.attrs["src"])
                words = _plain(self.scan(token, child.children or [], exact=False)) or source
                text = Token("text", "", 0, content=words)
                tokens += [text] if links else [_link(source), text, Token("link_close", "a", -1)]
            elif child.type in ("mark", "html_inline"):
                place = (
                    self.within(token, child.meta["at"])
                    if exact
                    else self.find(token, child.content)
                )
                if child.type == "html_inline":
                    self.html(place, child.content)
                else:
                    message = f"`{child.content}` is not at the end of a clause"
                    self.fault(place, "misplaced-id", message)
                tokens.append(Token("text", "", 0, content=child.content))
            else:
                tokens.append(child)
        return tokens

    def clause(self, token: Token, opening: Token) -> None:
        frame, index = self.frame, len(self.sections)
        children = list(token.children or [])
        level = int(opening.tag[1:]) if opening.type == "heading_open" else 0
        while level and frame.headings and frame.headings[-1][0] >= level:
            frame.headings.pop()
        heading = frame.heading
        end = children.pop() if children and children[-1].type == "mark" else None
        while end and children and not children[-1].nesting and not children[-1].content.rstrip():
            if children[-1].type == "image":
                break
            children.pop()
        if end and children and children[-1].type == "text":
            children[-1].content = children[-1].content.rstrip()
        first = frame.item and not frame.clauses
        if level:
            frame.headings.append((level, index))
        section = Section(
            id="",
            text=" ".join(_plain(children).split()),
            html="",
            level=level,
            kind="heading" if level else "item" if first else "paragraph",
            depth=frame.depth,
            ordered=frame.ordered,
            quoted=frame.quoted,
            heading=heading,
            in_item=frame.in_item,
            introduced_by=frame.introducer,
            first_of_item=first,
            line=(token.map or [0])[0] + 1,
        )
        self.sections.append(section)
        self.blocks.append([])
        self.places.append(self.within(token, 0))
        children = self.scan(token, children, exact=True)
        name, flag = self.mark(token, end, index) if end else ("", "")
        html = self.md.renderer.render(
            [Token("inline", "", 0, children=children)], self.md.options, {}
        )
        self.sections[index] = msgspec.structs.replace(
            section, id=name, html=html, note=flag == "note", severed=flag == "severed"
        )
        frame.clauses += 1
        frame.target = index

    def mark(self, token: Token, end: Token, index: int) -> tuple[str, str]:
        """Read the id and the flag of the mark that ends a clause; empty where it is wrong."""
        place, mark = self.within(token, end.meta["at"]), end.content
        right = RIGHT.match(mark)
        if right and self.sections[index].text:
            name, flag = right[1] or "", right[2] or right[3] or ""
            if name and self.ids.setdefault(name, index) != index:
                line = self.sections[self.ids[name]].line
                self.fault(
                    place, "duplicate-id", f"`{name}` is also the id of the clause at line {line}"
                )
            return name, flag
        self.marred.add(index)
        if right:
            self.fault(place, "misplaced-id", f"`{mark}` stands alone")
            return "", ""
        words = mark.strip("{}").split()
        name = next((slug for w in words if w[0] == "#" and (slug := _slug(w))), "")
        flags = [nearest(w.lstrip("."), ("note", "severed")) for w in words if w[0] != "#"]
        near = " ".join([*(["#" + name] if name else []), *("." + f for f in flags if f)])
        near = "" if near == ".severed" or not near else "{" + near + "}"
        self.fault(place, "bad-id", f"`{mark}` is not a mark of a clause", near=near)
        return "", ""

    # Blocks

    def fence(self, token: Token) -> None:
        first, last = token.map or (0, 1)
        info, frame = token.info.strip(), self.frame
        place = first + 1, self.lines[first].rfind(token.markup + token.info.rstrip()) + 1
        if last - first - 1 == token.content.count("\n"):
            self.fault(place, "unclosed-fence", "the block does not end")
        kind = next((kind for kind in KINDS if kind == info), None)
        if kind and frame.target >= 0:
            self.blocks[frame.target].append(self.block(token, first + 1, kind))
        elif kind:
            expected = "indent its fence into the list item" if frame.last == "a list" else ""
            message = f"this `{kind}` block follows {frame.last}, not a clause"
            self.fault(place, f"misplaced-{kind}", message, expected)
        elif near := _near_kind(info):
            self.fault(place, "near-info", f"`{info}` is nearly `{near}`", near=near)
        else:
            self.insert([token], "a code block")

    def block(self, token: Token, first: int, kind: Literal["rule", "example"]) -> Block:
        rows, columns, offset = [], [], 0
        for number, line in enumerate(token.content.split("\n"), first):
            source = self.lines[number] if number < len(self.lines) else ""
            rows.append(offset)
            columns.append(max(1, len(source) - len(line) + 1))
            offset += len(line) + 1
        columns[-1] = columns[0]  # the end of the text, which is on the line of the closing fence
        return Block(token.content, first + 1, columns[0], kind, tuple(rows), tuple(columns))

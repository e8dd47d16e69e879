"""The document around the rules: clauses, blocks, places and every fault of them."""

from __future__ import annotations

import sys
from types import FrameType
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upheld.policy.document import Document, read_document
from upheld.policy.front_matter import BYTES_MAX, decode

if TYPE_CHECKING:
    from upheld.core.errors import Fault

FRONT = "---\npolicy: Ours\n---\n"
RULE = "```rule\nmay serve\n```\n"


def read(body: str, front: str = FRONT) -> Document:
    """Read a policy that has no fault."""
    document, faults = read_document(front + body, "p.md")
    assert not faults
    assert document is not None
    return document


def faults_of(body: str, front: str = FRONT) -> list[Fault]:
    """Read a policy for its faults alone."""
    return read_document(front + body, "p.md")[1]


@pytest.mark.parametrize(
    ("body", "code", "line", "column"),
    [
        ("a {#a} b\n", "misplaced-id", 4, 3),
        ("a\nb **c {#a}**\n", "misplaced-id", 5, 7),
        ("a {#a} {.note}\n", "misplaced-id", 4, 3),
        ("a ![b {#a}](c) {#d}\n", "misplaced-id", 4, 7),
        ("{#alone}\n", "misplaced-id", 4, 1),
        ("| a {#a} |\n|---|\n| b |\n", "misplaced-id", 4, 5),
        ("> - a\n>   b {#B}\n", "bad-id", 5, 7),
        ("# Title {#a_b}\n", "bad-id", 4, 9),
        ("a {.severed}\n", "bad-id", 4, 3),
        ("a {.note #b}\n", "bad-id", 4, 3),
        ("a {#a .seveerd}\n", "bad-id", 4, 3),
        ("a {#a\n", "bad-id", 4, 3),
        ("a {note}\n", "bad-id", 4, 3),
        ("a {#a}\n\nb {#a}\n", "duplicate-id", 6, 3),
        ("- a\n\n  b\n\n  " + RULE.replace("\n", "\n  ") + "\n", "missing-id", 6, 3),
        ("a {#a .note}\n\n" + RULE, "note-with-rules", 7, 1),
        (RULE, "misplaced-rule", 4, 1),
        ("a {#a}\n\n- b\n\n" + RULE, "misplaced-rule", 8, 1),
        ("a {#a}\n\n***\n\n" + RULE, "misplaced-rule", 8, 1),
        ("a {#a}\n\n    ```rule\n    may serve\n    ```\n", "misplaced-rule", 6, 5),
        ("> a {#a}\n\n```example\nyes serve\n```\n", "misplaced-example", 6, 1),
        ("a {#a}\n\n``` Rule\nmay serve\n```\n", "near-info", 6, 1),
        ("a {#a}\n\n~~~rule strict\nmay serve\n~~~\n", "near-info", 6, 1),
        ("a {#a}\n\n```rlue\n```\n", "near-info", 6, 1),
        ("a {#a}\n\n```examples\n```\n", "near-info", 6, 1),
        ("a {#a}\n\n```text\nmay serve\n", "unclosed-fence", 6, 1),
        ("a\tb <b>c\n", "html", 4, 5),
        ("\n<div>\n", "html", 5, 1),
        ("".join("  " * n + "- a\n" for n in range(33)), "too-deep", 36, 1),
        ("a " * 20_000, "too-long", 4, 1),
    ],
)
def test_each_fault_has_its_code_and_its_place(
    body: str, code: str, line: int, column: int
) -> None:
    """A mistake is reported once, with the line and the column of the file."""
    found = faults_of(body)
    assert [(f.code, f.line, f.column) for f in found] == [(code, line, column)]
    assert found[0].message[0] == "`" or found[0].message[0].islower()
    assert found[0].expected


@pytest.mark.parametrize(
    ("front", "line", "column", "words"),
    [
        ("", 1, 1, "no front matter"),
        ("---\npolicy: a\n\n", 1, 1, "does not end"),
        ("---\npolicy: a\nversoin: 1\n---\n", 3, 1, "versoin"),
        ("---\npolicy: a\npolicy: b\n---\n", 3, 1, "twice"),
        ("---\npolicy: a\nversion: [1]\n---\n", 3, 1, "must be text"),
        ("---\npolicy: a\neffective: 2025-02-30\n---\n", 3, 12, "not a date"),
        ("---\npolicy: a\n  b: c\n---\n", 3, 4, "not YAML"),
        ("---\n- a\n---\n", 2, 1, "not YAML"),
        ("---\na: \a\n---\n", 2, 1, "not YAML"),
        ("---\n# " + "a" * 70_000 + "\n---\n", 2, 1, "too long"),
        ("---\npolicy:\n---\n", 1, 1, "no `policy`"),
        ("---\n---\n", 1, 1, "no `policy`"),
    ],
)
def test_front_matter_faults_have_their_line(
    front: str, line: int, column: int, words: str
) -> None:
    """A front matter that cannot be read still leaves the clauses to be read."""
    document, (fault, *rest) = read_document(front + "a {#a}\n", "p.md")
    assert (fault.code, fault.line, fault.column) == ("front-matter", line, column)
    assert words in fault.message
    assert not rest
    assert document is not None
    assert document.sections[-1].id == "a"


def test_front_matter_values_are_text() -> None:
    """A version such as 1.10 stays as written, a date takes its usual form."""
    keys = "version: 1.10\neffective: 2025-1-5\npart-of: x\nprovider:\n"
    front = read("", f"---\npolicy: Ours\n{keys}---\n").front
    assert (front.version, front.effective, front.part_of) == ("1.10", "2025-01-05", "x")
    assert (front.provider, front.vocabulary) == ("", "provider")


def test_unknown_key_names_the_nearest() -> None:
    """A slip in a key is answered by the key that was meant."""
    assert faults_of("", "---\npolicy: a\nversoin: 1\n---\n")[0].nearest == "version"


def test_all_faults_come_in_one_run_in_order_with_their_heading() -> None:
    """A file with several mistakes is read to its end."""
    found = faults_of("# H\n\na {#A}\n\n<p>\n\nb\n\n" + RULE)
    assert [f.code for f in found] == ["bad-id", "html", "missing-id"]
    assert {f.clause for f in found} == {"H"}
    assert found[0].nearest == "{#a}"


def test_misplaced_rule_after_a_list_says_what_to_do() -> None:
    """The usual slip, a fence not indented into its item, is named."""
    (fault,) = faults_of("a {#a}\n\n- b {#b}\n\n" + RULE)
    assert "indent its fence into the list item" in fault.expected


def test_blocks_attach_to_their_clause_in_their_container() -> None:
    """A block in an item is the item's; what introduces the list is known."""
    inner = RULE.replace("\n", "\n  ").rstrip(" ")
    example = "```example\nyes serve\n```\n"
    body = f"a {{#a}}\n\n{RULE}\n{example}\n- b {{#b}}\n\n  {inner}\n  c {{.note}}\n"
    a, b, c = read(body).sections
    assert [block.kind for block in a.blocks] == ["rule", "example"]
    assert (b.kind, b.in_item, b.first_of_item, b.introduced_by) == ("item", True, True, 0)
    assert [(x.line, x.column, x.place(4)) for x in b.blocks] == [(17, 3, (17, 7))]
    assert (c.kind, c.first_of_item, c.introduced_by, c.note) == ("paragraph", False, 0, True)


def test_only_the_clause_directly_before_introduces_a_list() -> None:
    """A list after a list, or at the start, is introduced by nothing."""
    sections = read("- a\n\nb\n\n- c\n\n* d\n").sections
    assert [s.introduced_by for s in sections] == [-1, -1, 1, -1]


def test_headings_open_sections() -> None:
    """A clause stands under the nearest heading; a heading under the next higher one."""
    sections = read("a\n\n# B\n\n## C\n\nd\n\n> # E\n>\n> f\n\ng\n\nH\n=\n\ni\n").sections
    assert [s.heading for s in sections] == [-1, -1, 1, 2, 2, 4, 2, -1, 7]
    assert [s.level for s in sections] == [0, 1, 2, 0, 1, 0, 0, 1, 0]


def test_marks_are_read_and_removed() -> None:
    """The mark at the end is the id and the flag, and no word of the text."""
    a, b, c, d = read(
        "A *b* `{#x}` \\{#y}\n{#a}\n\n1. c {.note}\n2. d {#d .note}\n\n> e {#e .severed}\n"
    ).sections
    assert (a.id, a.text) == ("a", "A b {#x} {#y}")
    assert a.html == "A <em>b</em> <code>{#x}</code> {#y}"
    assert (b.note, b.id, b.ordered, b.depth, c.note, c.id) == (True, "", True, 1, True, "d")
    assert (d.severed, d.id, d.quoted, d.note) == (True, "e", True, False)


def test_links_and_images_ask_nobody() -> None:
    """A link that leaves tells no referrer; an image is a link, in a link its words."""
    (section,) = read('[a](/b "t") [c](HTTPS://x/) ![d *e*](http://y) [![f](g)](h)\n').sections
    assert section.text == "a c d e f"
    assert section.html == (
        '<a href="/b" title="t">a</a> <a href="HTTPS://x/" rel="noreferrer">c</a>'
        ' <a href="http://y" rel="noreferrer">d e</a> <a href="h">f</a>'
    )


def test_inserts_are_safe_html_in_their_place() -> None:
    """Tables, breaks and code blocks stand after the clause before them, escaped."""
    inserts = read("***\n\na\n\n```text\n<b>\n```\n\n    <i>\n\nb\n\n| c |\n|---|\n| d |\n").inserts
    assert [i.after for i in inserts] == [-1, 0, 0, 1]
    assert inserts[1].html == '<pre><code class="language-text">&lt;b&gt;\n</code></pre>'
    assert inserts[3].html.startswith("<table>")


def test_places_hold_with_tabs_and_crlf() -> None:
    """Columns count characters of the file, whatever its line ends."""
    body = "- a {#a}\n\n\t```rule\n\tmay serve\n\t  when x\n\t```\n"
    (section,) = read_document((FRONT + body).replace("\n", "\r\n"), "p.md")[0].sections  # type: ignore[union-attr]  # the text is a document
    (block,) = section.blocks
    assert (block.line, block.place(0)[0]) == (7, 7)
    offset = block.text.index("when")
    assert block.place(offset) == (8, 4)
    assert block.place(len(block.text))[0] == 9


def test_lists_nest_ten_deep() -> None:
    """Law nests; each item is a clause of its own."""
    body = "".join("  " * n + f"- a {{#i{n}}}\n" for n in range(10))
    assert [s.introduced_by for s in read(body).sections] == list(range(-1, 9))


@pytest.mark.parametrize("text", ["", "\ufeff \n"])
def test_nothing_to_read_is_no_document(text: str) -> None:
    """An empty file is one fault and no document."""
    document, faults = read_document(text, "p.md")
    assert document is None
    assert [f.code for f in faults] == ["front-matter"]


def test_decode_takes_a_mark_and_any_line_end() -> None:
    """A byte order mark goes, CRLF becomes LF."""
    assert decode(b"\xef\xbb\xbfa\r\nb\n", "p.md") == ("a\nb\n", [])


@pytest.mark.parametrize(
    ("raw", "code", "place"),
    [
        (b"a\r\nb\xff", "encoding", (2, 2)),
        (b"\xef\xbb\xbf\xc3\xa9\xff", "encoding", (1, 2)),
        (b"a\nbc\0", "encoding", (2, 3)),
        (b"a" * (BYTES_MAX + 1), "too-large", (1, 1)),
    ],
)
def test_decode_reports_what_is_no_text(raw: bytes, code: str, place: tuple[int, int]) -> None:
    """Bytes that are no text, or too many, are named with their place."""
    (fault,) = decode(raw, "p.md")[1]
    assert (fault.code, (fault.line, fault.column)) == (code, place)


def calls_to_read(source: str) -> int:
    """How many calls of functions, Python's own included, it takes to read a text."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        read_document(source, "p.md")
    finally:
        sys.setprofile(before)
    return calls


def test_the_work_of_a_long_policy_grows_with_its_length() -> None:
    """Four times as many clauses take about four times the work, and not sixteen times."""

    def text(clauses: int) -> str:
        return FRONT + "".join(f"Clause {n} on *us*. {{#c{n}}}\n\n{RULE}\n" for n in range(clauses))

    calls_to_read(text(1))  # what is made once is made
    assert calls_to_read(text(400)) < 5 * calls_to_read(text(100))


@pytest.mark.parametrize("part", ["[", "{#", "![", "*a ", "<", "{#a} ", "> "])
def test_the_work_of_hostile_text_is_bounded(part: str) -> None:
    """Text that is made to be slow is refused or read with a few calls for each character."""
    source = FRONT + part * 50_000
    assert calls_to_read(source) < 20 * len(source)


PARTS = [*"ab#*_`~>-|[]()!<{}.\\", " ", "\n", "\t", "\n\n", "```rule\n", "{#a}", "{.note}", "    "]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from([*PARTS, "1. ", "\u2028", "|---|"]), max_size=40))
def test_any_text_is_read_and_every_place_is_in_the_file(parts: list[str]) -> None:
    """No text makes the reader fail, or point outside the file."""
    source = FRONT + "".join(parts)
    document, faults = read_document(source, "p.md")
    lines = source.split("\n")
    assert document is not None
    for fault in faults:
        assert 1 <= fault.line <= len(lines)
        assert 1 <= fault.column <= len(lines[fault.line - 1]) + 1
    for section in document.sections:
        for block in section.blocks:
            for offset in range(len(block.text)):
                assert block.place(offset)[0] <= len(lines)

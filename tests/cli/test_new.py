"""`upheld new`: a page becomes a policy file that loads, its prose unchanged, its rules empty."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import upheld
from upheld.cli import new as command
from upheld.cli.new import converted, made, uncovered
from upheld.core.errors import UpheldError
from upheld.demo import sample_policy
from upheld.policy.onboard import from_html, from_markdown, policy_text, suggest, template

PAGE = """<!doctype html><html><head><title>x</title><style>p {}</style></head><body>
<nav><a href="/">Home</a></nav><main><h1>Privacy &amp; you</h1>
<p>We collect your <b>email address</b> when you register. <a href="/more">More</a></p>
<h2>Sharing</h2><p>We may share personal information with</p>
<ul><li>trusted partners, for support;<ul><li>a nested {#x} thing</li></ul></li>
<li><p>courts &lt;b&gt;</p><p>a second paragraph</p></li></ul>
<blockquote><p>We never sell passwords.</p></blockquote>
<table><tr><th>a</th></tr><tr><td>b</td></tr></table><pre>code</pre><script>alert(1)</script>
</main><footer>Imprint</footer></body></html>"""


def test_an_html_page_becomes_a_policy() -> None:
    """Headings, paragraphs and nested items keep their words, and what is no prose is left out."""
    title, markdown = from_html(PAGE.encode())
    policy = made(policy_text(title, markdown), None)
    texts = [clause.text for clause in policy.program.clauses]
    assert policy.front.policy == "Privacy & you"
    assert texts == [
        "Privacy & you", "We collect your email address when you register. More", "Sharing",
        "We may share personal information with", "trusted partners, for support;",
        "a nested {#x} thing", "courts <b>", "a second paragraph", "We never sell passwords.",
    ]  # fmt: skip
    assert all(clause.id for clause in policy.program.clauses)
    assert [c.covered for c in policy.program.clauses] == [True, False, True, *[False] * 6]
    assert "alert" not in policy.program.source
    assert "Imprint" not in policy.program.source


def test_what_is_uncovered_comes_in_order_with_the_words_found() -> None:
    """Each clause to fill in is listed by line, with the words of the vocabulary in it."""
    found = uncovered(made(policy_text(*from_html(PAGE.encode())), None))
    assert [each["line"] for each in found] == sorted(each["line"] for each in found)
    words = {each["clause"]: each["words"] for each in found}
    first = words["collect-email-address-register"]
    assert first["action"] == ["collect"]
    assert "email" in first["data"]
    assert first["occasion"] == ["registration"]
    assert words["trusted-partners-support"]["purpose"] == ["support"]
    assert words["never-sell-passwords"] == {"action": ["sell"], "data": ["credentials"]}


def test_suggestions_are_words_of_the_vocabulary() -> None:
    """Whatever a sentence says, only words that a rule may use are suggested."""
    vocabulary = upheld.load(sample_policy()).program.vocabulary
    for clause in upheld.load(sample_policy()).program.clauses:
        for tree, words in suggest(clause.text, vocabulary).items():
            assert set(words) <= set(vocabulary.trees[tree])
    assert suggest("", vocabulary) == {}


MARKDOWN = """---
title: ours
---
<!-- a comment -->
Privacy
=======

We <b>share</b> your phone number. {#phone}

## Ask us ##

1. By mail <https://a.example/>
   or post
2. {#odd} a < b

~~~
<b> stays
~~~
"""


def test_a_markdown_page_becomes_a_policy() -> None:
    """Comments and tags go, ids that are there stay, and code is left alone."""
    text = policy_text(*from_markdown(MARKDOWN))
    policy = made(text, None)
    found = [(clause.id, clause.text) for clause in policy.program.clauses]
    assert found == [
        ("privacy", "Privacy"), ("phone", "We share your phone number."), ("ask", "Ask us"),
        ("mail-https-example-post", "By mail https://a.example/ or post"),
        ("odd-b", "{#odd} a < b"),
    ]  # fmt: skip
    assert "<b> stays" in text


def test_equal_sentences_have_ids_of_their_own() -> None:
    """An id that is taken is numbered."""
    policy = made(policy_text("X", "Same.\n\nSame.\n\nSame.\n"), None)
    assert [clause.id for clause in policy.program.clauses] == ["same", "same-2", "same-3"]


PIECES = st.sampled_from(
    ["# ", "## ", "- ", "1. ", "> ", "  ", "    ", "\n", "\n\n", "word ", "We share. ", "*", "_",
     "`", "{", "}", "{#a}", "{.note}", "#", "|", "<b>", "<", "&amp;", "[x](y)", "===", "---", "\\",
     "é", "\t", "a | b\n--|--\n"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=25).map("".join))
def test_any_markdown_becomes_a_policy_or_an_answer(page: str) -> None:
    """No page makes the command fail, and what becomes a policy has an id on every clause."""
    title, markdown = from_markdown(page)
    try:
        policy = made(policy_text(title, markdown), None)
    except UpheldError:
        return
    assert all(clause.id for clause in policy.program.clauses)


@given(st.lists(st.text(alphabet="abc dé.,!&", min_size=1), min_size=1, max_size=6))
def test_paragraphs_keep_their_words(paragraphs: list[str]) -> None:
    """Prose comes through unchanged, paragraph by paragraph."""
    page = "\n\n".join(paragraphs)
    tokens = MarkdownIt("commonmark").parse(page)
    wanted = [each.content.split() for each in tokens if each.type == "inline"]
    policy = made(policy_text("X", page), None)
    assert [clause.text.split() for clause in policy.program.clauses] == wanted


def test_a_template_is_a_whole_policy() -> None:
    """A new policy loads whatever its title, has no uncovered clause, and its example holds."""
    for title in ("Plain", 'Quoted "x": #1', "<b> {#x} *a*"):
        policy = made(template(title), None)
        assert policy.front.policy == title
        assert uncovered(policy) == []


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.html", None, "cannot be read"), ("x.md", b"\xff\xfe", "not UTF-8"),
        ("x.html", b"<p>" + b"x" * 5_000_000, "bytes"), ("x.html", b"<div>" * 5_000, "nested"),
    ],
)  # fmt: skip
def test_a_page_that_cannot_be_read_is_answered(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    """Missing, binary, huge and deeply nested pages are answered."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UpheldError, match=said):
        converted(tmp_path / name)


def test_a_page_that_no_policy_can_hold_is_answered() -> None:
    """What cannot stand in a policy is told with its place."""
    with pytest.raises(UpheldError, match="cannot become a policy"):
        made("no front matter", None)


def test_html_without_its_converter_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra the command says what to install."""
    page = tmp_path / "page"
    page.write_text(PAGE, encoding="utf-8")
    monkeypatch.setitem(sys.modules, "markdownify", None)
    with pytest.raises(UpheldError) as caught:
        converted(page)
    assert "onboard" in caught.value.hint


def test_new_writes_a_file_and_never_over_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command writes one file, lists what to fill in, and overwrites nothing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.html").write_text(PAGE, encoding="utf-8")
    command.new("ours", Path("page.html"), as_json=False)
    assert "ours.md:7: #collect-email-address-register" in capsys.readouterr().out
    assert upheld.load("ours.md").front.policy == "Privacy & you"
    command.new("my-shop", None, as_json=True)
    assert json.loads(capsys.readouterr().out)["uncovered"] == []
    assert upheld.load("my-shop.md").front.policy == "My shop"
    with pytest.raises(UpheldError, match="exists already"):
        command.new("ours", None, as_json=False)

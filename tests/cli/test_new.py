"""`upheld new`: a page becomes a policy file that loads, its prose unchanged, its rules empty."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from typer.testing import CliRunner

import upheld
from upheld.cli import app
from upheld.cli.new import convert, load_new, uncovered
from upheld.cli.onboard import policy_text, suggest, template
from upheld.core.errors import UpheldError
from upheld.demo import sample_policy
from upheld.policy.import_page import from_html, from_markdown, lost_words

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
    page = from_html(PAGE.encode())
    policy = load_new(policy_text(page.title, page.markdown), None)
    texts = [clause.text for clause in policy.program.clauses]
    assert policy.front.policy == "Privacy & you"
    assert texts == [
        "We collect your email address when you register. More",
        "Sharing",
        "We may share personal information with",
        "trusted partners, for support;",
        "a nested {#x} thing",
        "courts <b>",
        "a second paragraph",
        "We never sell passwords.",
    ]
    assert all(clause.id for clause in policy.program.clauses)
    assert [c.covered for c in policy.program.clauses] == [False, True, *[False] * 6]
    assert "alert" not in policy.program.source
    assert "Imprint" not in policy.program.source


def test_what_is_uncovered_comes_in_order_with_the_words_found() -> None:
    """Each clause to fill in is listed by line, with the words of the vocabulary in it."""
    found = uncovered(load_new(policy_text(*from_html(PAGE.encode())[:2]), None))
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
            known = {*vocabulary.facts, *vocabulary.duties, *vocabulary.trees.get(tree, ())}
            assert set(words) <= known
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
    text = policy_text(*from_markdown(MARKDOWN)[:2])
    policy = load_new(text, None)
    found = [(clause.id, clause.text) for clause in policy.program.clauses]
    assert found == [
        ("privacy", "Privacy"),
        ("phone", "We share your phone number."),
        ("ask-us", "Ask us"),
        ("mail-https-example-post", "By mail https://a.example/ or post"),
        ("odd-b", "{#odd} a < b"),
    ]
    assert "<b> stays" in text


def test_equal_sentences_have_ids_of_their_own() -> None:
    """An id that is taken is numbered."""
    policy = load_new(policy_text("X", "Same.\n\nSame.\n\nSame.\n"), None)
    assert [clause.id for clause in policy.program.clauses] == ["same", "same-2", "same-3"]


PIECES = st.sampled_from(
    [
        "# ",
        "## ",
        "- ",
        "1. ",
        "> ",
        "  ",
        "    ",
        "\n",
        "\n\n",
        "word ",
        "We share. ",
        "*",
        "_",
        "`",
        "{",
        "}",
        "{#a}",
        "{.note}",
        "#",
        "|",
        "<b>",
        "<",
        "&amp;",
        "[x](y)",
        "===",
        "---",
        "\\",
        "é",
        "\t",
        "a | b\n--|--\n",
    ]
)


@given(st.lists(PIECES, max_size=25).map("".join))
def test_any_markdown_becomes_a_policy_or_an_answer(page: str) -> None:
    """No page makes the command fail, and what becomes a policy has an id on every clause."""
    title, markdown = from_markdown(page)[:2]
    try:
        policy = load_new(policy_text(title, markdown), None)
    except UpheldError:
        return
    assert all(clause.id for clause in policy.program.clauses)


@given(st.lists(st.text(alphabet="abc dé.,!&", min_size=1), min_size=1, max_size=6))
def test_paragraphs_keep_their_words(paragraphs: list[str]) -> None:
    """Prose comes through unchanged, paragraph by paragraph."""
    page = "\n\n".join(paragraphs)
    tokens = MarkdownIt("commonmark").parse(page)
    wanted = [each.content.split() for each in tokens if each.type == "inline"]
    policy = load_new(policy_text("X", page), None)
    assert [clause.text.split() for clause in policy.program.clauses] == wanted


def test_a_template_is_a_whole_policy() -> None:
    """A new policy loads whatever its title, has no uncovered clause, and its example holds."""
    for title in ("Plain", 'Quoted "x": #1', "<b> {#x} *a*"):
        policy = load_new(template(title), None)
        assert policy.front.policy == title
        assert uncovered(policy) == []


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.html", None, "cannot be read"),
        ("x.md", b"\xff\xfe", "not UTF-8"),
        ("x.html", b"<p>" + b"x" * 5_000_000, "bytes"),
        ("x.html", b"<div>" * 5_000, "nested"),
    ],
)
def test_a_page_that_cannot_be_read_is_answered(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    """Missing, binary, huge and deeply nested pages are answered."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UpheldError, match=said):
        convert(tmp_path / name)


def test_a_page_that_no_policy_can_hold_is_answered() -> None:
    """What cannot stand in a policy is told with its place."""
    with pytest.raises(UpheldError, match="cannot become a policy"):
        load_new("no front matter", None)


def test_html_without_its_converter_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra the command says what to install."""
    page = tmp_path / "page"
    page.write_text(PAGE, encoding="utf-8")
    monkeypatch.setitem(sys.modules, "markdownify", None)
    with pytest.raises(UpheldError) as caught:
        convert(page)
    assert "onboard" in caught.value.hint


def run(*words: str, expect: int = 0) -> str:
    """What `upheld new` prints."""
    done = CliRunner().invoke(app, ["new", *words], catch_exceptions=False)
    assert done.exit_code == expect, done.output
    return done.output


def test_new_writes_a_file_and_never_over_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command writes one file, lists what to fill in, and overwrites nothing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.html").write_text(PAGE, encoding="utf-8")
    output = run("ours", "--from", "page.html")
    assert "ours.md:5: #collect-email-address-register" in output
    assert "left out: a `footer` at line 9, 1 word: Imprint" in output
    assert upheld.load("ours.md").front.policy == "Privacy & you"
    assert json.loads(run("my-shop", "--json"))["uncovered"] == []
    assert upheld.load("my-shop.md").front.policy == "My shop"
    with pytest.raises(UpheldError, match="exists already"):
        run("ours")


def test_new_gives_the_sample_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who installed a wheel has no checkout, and gets the policy that the documentation uses."""
    monkeypatch.chdir(tmp_path)
    run("larch", "--sample")
    assert Path("larch.md").read_bytes() == sample_policy().read_bytes()
    with pytest.raises(UpheldError, match="--from or --sample"):
        run("other", "--sample", "--from", "larch.md")


CONTENTS = """<html><body><h1>Our page</h1><p>Effective Date: March 3, 2025</p>
<ul><li><a href="#What_We">What we do</a></li><li><a href="#data">The data</a></li>
<li><a href="#erkl%C3%A4rung">Erklärung</a></li><li><a href="#end">The end</a></li></ul>
<h2 id="What_We">What we do</h2><p>We ask for:</p>
<ol type="a"><li>your name;</li><li><p>your phone number;</p></li><li value="5">more.</li></ol>
<ol style="list-style-type: lower-roman" start="3"><li>third;</li><li>fourth.</li></ol>
<ol start="7"><li>seven</li></ol>
<h2>Before<a name="data"></a></h2><div id="end"><p>Data.</p></div>
<h2 id="erklärung">Datenschutzerklärung</h2><p>Größe über alles.</p></body></html>"""


def led_to(source: str) -> dict[str, str]:
    """The links within a policy file, by their words, and the text of the clause each leads to."""
    policy = load_new(source, None)
    texts = {clause.id: clause.text for clause in policy.program.clauses}
    return {word: texts.get(to, "") for word, to in re.findall(r"\[([^]]*)\]\(#([^)]*)\)", source)}


def test_the_links_of_a_pages_own_contents_lead_to_its_headings() -> None:
    """Whatever its ids look like, wherever they stand, and though the contents come first."""
    page = from_html(CONTENTS.encode())
    source = policy_text(page.title, page.markdown, page.effective)
    assert led_to(source) == {
        "What we do": "What we do",
        "The data": "Before",
        "The end": "Data.",
        "Erklärung": "Datenschutzerklärung",
    }
    assert "{#grosse-uber-alles}" in source
    markdown = (
        "# Ours\n\n- [Who are you?](#who-are-you)\n- [2. Our data & us](#2-our-data--us)\n"
        "- [Über uns](#über-uns)\n\n## Who are you?\n\nWe.\n\n## 2. Our data & us\n\nAll.\n\n"
        "## Über uns\n\nNo.\n"
    )
    source = policy_text(*from_markdown(markdown)[:2])
    assert led_to(source) == {
        "Who are you?": "Who are you?",
        "2. Our data & us": "2. Our data & us",
        "Über uns": "Über uns",
    }
    bare = [clause.text for clause in load_new(source, None).program.clauses if not clause.covered]
    assert bare == ["We.", "All.", "No."]


def test_lists_keep_their_letters() -> None:
    """As words of each item, from whatever the list begins with; numbers stay numbers."""
    page = from_html(CONTENTS.encode())
    texts = [c.text for c in load_new(policy_text(*page[:2]), None).program.clauses]
    assert texts[7:13] == [
        "a) your name;",
        "b) your phone number;",
        "e) more.",
        "iii) third;",
        "iv) fourth.",
        "seven",
    ]
    assert "7. seven" in page.markdown
    lines = (
        "We:\n\n(a) ask;\n(b) keep it\n  for long;\n\n(c) forget.\n\ni. one\nii. two\n\nA. Smith\n"
    )
    texts = [c.text for c in load_new(policy_text(*from_markdown(lines)[:2]), None).program.clauses]
    assert texts == [
        "We:",
        "(a) ask;",
        "(b) keep it for long;",
        "(c) forget.",
        "i. one",
        "ii. two",
        "A. Smith",
    ]


@pytest.mark.parametrize(
    ("told", "day"),
    [
        ("Effective Date: March 3, 2025", "2025-03-03"),
        ("Effective 1st of May 2024", "2024-05-01"),
        ("This policy is in effect from 2026-02-28.", "2026-02-28"),
        ("Effective as of Sept. 9, 2025", "2025-09-09"),
        ("Effective 03/04/2025", ""),
        ("Effective February 30, 2025", ""),
        ("Last updated: March 3, 2025", ""),
        ("An effective way. Since March 3, 2025 we ask.", ""),
    ],
)
def test_the_day_from_which_a_page_holds_is_taken_into_the_front_matter(
    told: str, day: str
) -> None:
    """In the ways in which people write it; a day that could be another one is not guessed."""
    for page in (
        from_html(f"<body><h1>X</h1><p>{told}</p><p>More.</p></body>".encode()),
        from_markdown(f"# X\n\n*{told}*\n\nMore.\n"),
    ):
        assert page.effective == day
        policy = load_new(policy_text(page.title, page.markdown, page.effective), None)
        assert policy.front.effective == day
        assert [*page.left_out, *lost_words(page, policy.program)] == []
        assert [c.text for c in policy.program.clauses if not c.covered][-1] == "More."


def test_the_title_stands_once() -> None:
    """In the front matter, which the page shows as its title; unless a link leads to it."""
    page = from_markdown("# Our *policy*\n\nWe ask.\n")
    policy = load_new(policy_text("Our policy", page.markdown), None)
    assert [clause.text for clause in policy.program.clauses] == ["We ask."]
    linked = policy_text("Our policy", "# Our policy\n\n[Up](#our-policy)\n")
    assert led_to(linked) == {"Up": "Our policy"}


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("This policy applies to you.", {}),
        ("The police ask.", {"party": ["law-enforcement"]}),
        ("When you sign up", {"occasion": ["registration"]}),
        ("on an ad hoc basis", {}),
        ("our end users", {}),
        ("with your consent", {"fact": ["permission"]}),
        ("Our cookie.", {"action": ["set-cookie"], "data": ["cookie-id"]}),
    ],
)
def test_words_that_look_alike_are_not_taken_for_each_other(
    sentence: str, words: dict[str, list[str]]
) -> None:
    """Policy is not police, an ad hoc basis no advertisement, and signing up no signing in."""
    assert suggest(sentence, upheld.load(sample_policy()).program.vocabulary) == words

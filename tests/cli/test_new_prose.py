"""No prose of a page is lost in silence: it is kept, or named as left out."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.test_new import run
from upheld.cli.new import convert, load_new
from upheld.cli.onboard import policy_text
from upheld.core.errors import UpheldError
from upheld.policy.import_page import from_html, lost_words

SELL = "We sell whatever we hold about you to anybody who asks for it"
PLACES = {  # prose wherever people publish it
    "two articles": f"<article><p>One.</p></article><article><p>{SELL}.</p></article>",
    "a form of the whole page": f"<form><h1>Privacy</h1><p>{SELL}.</p><input></form>",
    "a layout table": f"<table><tr><td><h2>A</h2><p>{SELL}.</p></td><td>Menu</td></tr></table>",
    "a table of one column": f"<table><tr><td>{SELL}.</td></tr><tr><td>More.</td></tr></table>",
    "nested tables": f"<table><tr><td><table><tr><td>{SELL}.</td></tr></table></td></tr></table>",
    "definitions": f"<dl><dt>Selling</dt><dd>{SELL}.</dd></dl>",
    "details": f"<details><summary>More</summary><p>{SELL}.</p></details>",
    "bare text": f"{SELL}.",
    "a hidden part": f"<div hidden><p>{SELL}.</p></div>",
    "a caption": f"<p>One.</p><figure><figcaption>{SELL}.</figcaption></figure>",
}
BLOCKS = st.sampled_from(
    [
        "<p>{}</p>",
        "<div>{}</div>",
        "<ul><li>{}</li></ul>",
        "<h2>{}</h2>",
        "<form>{}</form>",
        "<table><tr><td>{}</td></tr></table>",
        "<article>{}</article>",
        "<main>{}</main>",
        "<table><tr><th>a</th><th>b</th></tr><tr><td>{}</td><td>c</td></tr></table>",
        "<b>{}</b>",
        "<nav>{}</nav>",
        "<blockquote>{}</blockquote>",
        "<aside>{}</aside>",
        "{}<br>",
        "<td>{}</td>",
        "<pre>{}</pre>",
        "<ol><li>{}</li></ol>",
        "<section>{}</section>",
        "<details>{}</details>",
    ]
)


@pytest.mark.parametrize("place", PLACES)
def test_prose_is_kept_wherever_it_stands_on_a_page(place: str, tmp_path: Path) -> None:
    """Several articles, forms, layout tables and the like hold prose as paragraphs do."""
    page = tmp_path / "page.html"
    page.write_text(f"<html><body>{PLACES[place]}</body></html>", encoding="utf-8")
    published = convert(page)
    policy = load_new(policy_text(published.title, published.markdown), None)
    assert any(SELL in clause.text for clause in policy.program.clauses)
    assert [*published.left_out, *lost_words(published, policy.program)] == []


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (f"<body><main><p>One.</p></main><p>\n{SELL} and {SELL}.</p></body>", "a `p`"),
        (f"<body><main><p>One.</p></main>{SELL} and {SELL}</body>", "text"),
        (f"<body><p>One.</p><footer><p>{SELL} and {SELL}.</p></footer></body>", "a `footer`"),
        (f"<body><p>One.</p><div role=navigation>{SELL} and {SELL}</div></body>", "a `div`"),
        (f"<body><p>One.</p><noscript>{SELL} and {SELL}</noscript></body>", "a `noscript`"),
    ],
)
def test_prose_that_is_left_out_is_named_and_fails(
    text: str, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of which more than a little is missing is written, and the command leaves with 1."""
    monkeypatch.chdir(tmp_path)
    Path("page.html").write_text(f"<html>{text}</html>", encoding="utf-8")
    output = run("ours", "--from", "page.html", expect=1)
    assert f"left out: {where} at line 1, 27 words: We sell" in output or where == "text"
    assert "27 words: We sell" in output


def test_menus_and_pictures_are_named_and_do_not_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Links that lead elsewhere and the words of pictures are no prose of the page."""
    monkeypatch.chdir(tmp_path)
    menu = "".join(f"<a href=/{n}>Product number {n}</a>" for n in range(40))
    Path("page.html").write_text(
        f"<html><body><nav>{menu}</nav><p>We sell nothing. <img src=x alt='Our house'></p></body>",
        encoding="utf-8",
    )
    output = run("ours", "--from", "page.html")
    assert "left out: a `nav` at line 1, 120 words: Product number 0" in output
    assert "left out: the words of a picture at line 1, 2 words: Our house" in output


@pytest.mark.parametrize("text", ["", "\n", "# Only a heading\n", "---\ntitle: x\n---\n"])
def test_a_page_without_prose_is_refused(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written for a page in which nothing can be read."""
    monkeypatch.chdir(tmp_path)
    Path("page.md").write_text(text, encoding="utf-8")
    with pytest.raises(UpheldError) as caught:
        run("ours", "--from", "page.md")
    assert caught.value.code == "page"
    assert not Path("ours.md").exists()


def test_tags_in_markdown_keep_words_apart(tmp_path: Path) -> None:
    """Line breaks, cells and blocks of HTML glue no words, and hard breaks stay."""
    page = tmp_path / "page.md"
    page.write_text(
        "Email<br>we sell it<br/>\n\n| a<br>b | c |\n|--|--|\n| d | e |\n\n"
        "<table><tr><td>Card</td><td>never</td></tr></table>\n\n1 Road  \nTown  \n\n"
        "<script>var hidden</script>Last.\n",
        encoding="utf-8",
    )
    published = convert(page)
    policy = load_new(policy_text(published.title, published.markdown), None)
    texts = [clause.text for clause in policy.program.clauses]
    assert texts == ["Email we sell it", "Card never", "1 Road Town", "Last."]
    assert "1 Road\\\nTown" in policy.program.source
    assert "a b" in policy.program.inserts[0].text
    assert [*published.left_out, *lost_words(published, policy.program)] == []


@given(
    st.recursive(
        st.sampled_from(["one", "two words", "a &lt; b", "x*yz"]),
        lambda inner: st.builds(
            lambda shape, parts: shape.format(" ".join(parts)),
            BLOCKS,
            st.lists(inner, min_size=1, max_size=3),
        ),
        max_leaves=8,
    )
)
def test_every_word_of_a_page_is_kept_or_named(body: str) -> None:
    """Whatever the shape of a page, its words are in the policy or in what was left out."""
    page = from_html(f"<html><body>{body}</body></html>".encode())
    try:
        policy = load_new(policy_text(page.title, page.markdown), None)
    except UpheldError:
        return
    left_out = [*page.left_out, *lost_words(page, policy.program)]
    program = policy.program
    texts = [c.text for c in program.clauses] + [i.text for i in program.inserts]
    there = Counter(re.findall(r"[a-z]+", " ".join(texts)))
    wanted = Counter(re.findall(r"[a-z]+", re.sub(r"<[^>]*>", " ", body).replace("&lt;", "<")))
    missing = sum((wanted - there).values())
    assert missing <= sum(each.words for each in left_out), repr(body)

"""What people publish, as Markdown: no word of it is lost without being named.

Goes in: HTML or Markdown as it stands on somebody's site. Comes out: its title, its prose as
Markdown, and what was left out with where it stood: menus, footers, scripts' messages, pictures'
words, and whatever a conversion lost.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote

from upheld.policy.import_page_parts import (
    as_id,
    effective_day,
    is_effective,
    latin,
    letter_lines,
    letter_lists,
    mark_targets,
    unique,
)

if TYPE_CHECKING:
    from bs4 import BeautifulSoup
    from bs4.element import PageElement, Tag

    from upheld.policy.program import Program

TITLE: Final = "Privacy policy"
UNSEEN: Final = ("script", "style", "template", "svg", "head")  # nobody reads these as prose
FURNITURE: Final = (
    "nav",
    "footer",
    "aside",
    "button",
    "select",
    "textarea",
    "noscript",
    "video",
    "audio",
    "object",
    "iframe",
)
ROLES: Final = ("navigation", "contentinfo", "search", "complementary")
LAYOUT: Final = ("h1", "h2", "h3", "h4", "h5", "h6", "p", "ul", "ol", "table", "blockquote")
OWN_MARK: Final = re.compile(r"\s*\{#[a-z][a-z0-9-]*\}\s*\Z")
TAG: Final = re.compile(r"</?([a-zA-Z][a-zA-Z0-9-]*)\b[^<>]*>")
COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
SILENT: Final = re.compile(r"<(script|style)\b[^<>]*>.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
AUTOLINK: Final = re.compile(r"<(?:https?://|mailto:)[^\s<>]+>|<[^\s<>@]+@[^\s<>@]+>")
APART: Final = frozenset(
    (
        "p",
        "div",
        "tr",
        "table",
        "li",
        "ul",
        "ol",
        "section",
        "article",
        "main",
        "header",
        "footer",
        "center",
        "form",
        "dl",
        "dt",
        "dd",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "details",
        "summary",
    )
)
SPACED: Final = frozenset(("td", "th", "option", "button"))
WORDS: Final = re.compile(r"\w+")
LITTLE: Final = 20  # words that may be missing without a word of warning, or this share of all:
LITTLE_SHARE: Final = 0.02
BEGINNING: Final = 1_500  # characters in which a page says since when it holds
SHOWN: Final = 60  # characters of what was left out that are shown


class OmittedText(NamedTuple):
    """Words of a page that are not in its Markdown: where they stood, and how many are prose.

    Words of links are no prose: menus are made of them.
    """

    line: int  # of the page, from 1; 0 where it cannot be told
    where: str
    text: str  # the first of them
    words: int
    prose: int


class PublishedPage(NamedTuple):
    """A page as Markdown."""

    title: str
    markdown: str
    left_out: list[OmittedText]
    words: list[str]  # every word of the page that is to be found in the Markdown
    effective: str = ""  # the day from which it says that it holds, as 2025-03-03


def is_much(left_out: Iterable[OmittedText], page: PublishedPage) -> bool:
    """Whether so much prose was left out that the Markdown is not the page."""
    prose = sum(each.prose for each in left_out)
    return prose > max(LITTLE, LITTLE_SHARE * len(page.words))


def lost_words(page: PublishedPage, program: Program) -> list[OmittedText]:
    """The words of a page that are not in the policy made of it, though they should be."""
    texts = [clause.text for clause in program.clauses] + [i.text for i in program.inserts]
    texts.append(program.front.policy)  # the title, which stands there alone
    there = Counter(_words(" ".join(texts)))
    words = list((Counter(page.words) - there).elements())
    if not words:
        return []
    return [OmittedText(0, "in the conversion", " ".join(words)[:SHOWN], len(words), len(words))]


def _words(text: str) -> list[str]:
    return [word.casefold() for word in WORDS.findall(text)]


# HTML


def from_html(page: bytes) -> PublishedPage:
    """A published page of HTML. Needs the extra `onboard`; ImportError without it."""
    from bs4 import BeautifulSoup, Comment  # noqa: PLC0415 - an extra that only this needs
    from markdownify import MarkdownConverter  # noqa: PLC0415 - as above

    soup = BeautifulSoup(page, "html.parser")
    heading = soup.find("h1") or soup.find("title")
    title = " ".join(heading.get_text(" ").split()) if heading else ""
    for comment in soup.find_all(string=lambda each: isinstance(each, Comment)):
        comment.extract()
    for unseen in soup.find_all(list(UNSEEN)):
        unseen.decompose()
    main = _main_part(soup)
    left_out = [*_around(main), *_furniture(main)]
    for form in main.find_all("form"):
        form.unwrap()
    for table in reversed(main.find_all("table")):  # the inner ones first
        _unwrap_layout(soup, table)
    text = main.get_text(" ")
    words = _words(text)
    effective = effective_day([*_short(main), " ".join(text.split())[:BEGINNING]])
    mark_targets(soup, main, _targets(main))
    letter_lists(soup, main)
    converter = MarkdownConverter(heading_style="ATX", bullets="-", autolinks=False, strip=["img"])
    markdown = str(converter.convert_soup(main)).replace("<", "\\<")
    return PublishedPage(title or TITLE, markdown, left_out, words, effective)


def _short(main: Tag) -> Iterator[str]:
    """The sentences that say nothing but since when a page holds."""
    for each in main.find_all(["p", "li", "div", "span", "em", "strong", "h2", "h3", "h4"]):
        text = " ".join(each.get_text(" ").split())
        if is_effective(text):
            yield text


def _targets(main: Tag) -> dict[str, str]:
    """The ids of headings, and those to which links lead, each with the id of a clause for it."""
    anchors = [str(each["id"]) for each in main.find_all(re.compile("h[1-6]"), id=True)]
    anchors += [
        unquote(str(link["href"])[1:])
        for link in main.find_all("a", href=re.compile("#."))
        if str(link["href"]).startswith("#")
    ]
    ids: set[str] = set()
    return {
        each: unique(as_id(re.findall(r"[a-z0-9]+", latin(each))), ids)
        for each in dict.fromkeys(anchors)
    }


def _main_part(soup: BeautifulSoup) -> Tag:
    """The one part that a page itself calls its main one, or all of it."""
    for name in ("main", "article"):
        parts = soup.find_all(name)
        if len(parts) == 1:
            return parts[0]
        if parts:
            break
    return soup.body or soup


def _around(main: Tag) -> Iterator[OmittedText]:
    """What stands outside the main part."""
    inner: PageElement = main
    for outer in main.parents:
        for beside in list(outer.children):
            if beside is not inner:
                yield from _left_out(beside)
        inner = outer


def _furniture(main: Tag) -> list[OmittedText]:
    """Take out of the main part what is not its prose, and name it."""
    left_out: list[OmittedText] = []
    for image in main.find_all("img"):
        words = _words(str(image.get("alt") or ""))
        if words:
            text = " ".join(str(image["alt"]).split())[:SHOWN]
            place = image.sourceline or 0
            left_out.append(OmittedText(place, "the words of a picture", text, len(words), 0))
    elements = main.find_all(lambda tag: tag.name in FURNITURE or tag.get("role") in ROLES)
    for each in elements:
        if not each.decomposed:
            left_out += _left_out(each)
            each.decompose()
    return left_out


def _left_out(element: PageElement) -> Iterator[OmittedText]:
    from bs4.element import NavigableString, Tag  # noqa: PLC0415 - an extra that only this needs

    if isinstance(element, Tag):
        text, where = element.get_text(" "), f"a `{element.name}`"
        links = " ".join(link.get_text(" ") for link in element.find_all("a"))
        if element.name == "iframe" and element.get("src"):
            where, text = "another page in an `iframe`", text or "its words stand elsewhere"
    elif type(element) is NavigableString:
        text, where, links = str(element), "text", ""
    else:
        return
    words = len(_words(text))
    if words:
        place = getattr(element, "sourceline", None) or 0
        excerpt = " ".join(text.split())[:SHOWN]
        yield OmittedText(place, where, excerpt, words, words - len(_words(links)))


def _unwrap_layout(soup: BeautifulSoup, table: Tag) -> None:
    """Turn a table that only places prose on a page into that prose, cell by cell."""
    rows = table.find_all("tr")
    widest = max((len(row.find_all(["td", "th"])) for row in rows), default=0)
    is_layout = table.get("role") in ("presentation", "none")
    headed = table.find("th") is not None or table.find("thead") is not None
    if not is_layout and (
        headed or (widest > 1 and len(rows) > 1 and not table.find(list(LAYOUT)))
    ):
        return
    table.name = "div"
    table.attrs = {}
    for part in table.find_all(["tbody", "thead", "tfoot", "tr", "colgroup", "col"]):
        part.unwrap()
    for cell in table.find_all(["td", "th", "caption"]):
        cell.name = "div"
        cell.insert_after(soup.new_string("\n\n"))


# Markdown


def from_markdown(page: str) -> PublishedPage:
    """A page of Markdown, its front matter, comments and tags taken away."""
    text = page.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    left_out: list[OmittedText] = []
    if text.startswith("---\n") and (end := text.find("\n---\n", 3)) > 0:
        left_out += _of_text(1, "the front matter", text[4:end], prose=False)
        text = text[end + 5 :]
    parts = re.split(r"(^(?:```|~~~).*?^(?:```|~~~)[ \t]*$)", text, flags=re.MULTILINE | re.DOTALL)
    parts[::2] = [_untagged(part) for part in parts[::2]]
    parts[::2] = [letter_lines(part) for part in parts[::2]]
    text = "".join(parts)
    title = re.search(r"^#[ \t]+(.+?)[ \t]*#*$", text, re.MULTILINE)
    lines = [" ".join(line.strip("*_# \t").split()) for line in text.split("\n")]
    short = [line for line in lines if is_effective(line)]
    return PublishedPage(
        OWN_MARK.sub("", title[1]) if title else TITLE,
        text,
        left_out,
        _visible(text),
        effective_day([*short, " ".join(lines)[:BEGINNING]]),
    )


def _of_text(line: int, where: str, text: str, *, prose: bool) -> Iterator[OmittedText]:
    words = len(_words(text))
    if words:
        yield OmittedText(line, where, " ".join(text.split())[:SHOWN], words, words if prose else 0)


def _visible(markdown: str) -> list[str]:
    """The words that a reader of rendered Markdown sees, marks of ours taken away."""
    from markdown_it import MarkdownIt  # noqa: PLC0415 - loaded with the reader of policies anyway

    words: list[str] = []
    for token in MarkdownIt("commonmark").enable("table").disable("html_block").parse(markdown):
        if token.type == "inline":
            texts = [each.content for each in token.children or [] if each.type != "image"]
            words += _words(re.sub(r"\{#[a-z0-9-]+\}", "", " ".join(texts)))
        elif token.type in ("fence", "code_block"):
            words += _words(token.content)
    return words


def _untagged(text: str) -> str:
    """Text without tags, which leave a space or a line where they kept words apart."""
    links: list[str] = []

    def keep(link: re.Match[str]) -> str:
        links.append(link.group())
        return f"\0{len(links) - 1}\0"

    text = SILENT.sub("", COMMENT.sub("", AUTOLINK.sub(keep, text.replace("\0", ""))))
    text = "\n".join(_without_tags(line) for line in text.split("\n")).replace("<", "\\<")
    return re.sub("\0(\\d+)\0", lambda link: links[int(link[1])], text)


def _without_tags(line: str) -> str:
    """A line without tags; a row of a table stays one line."""
    row = line.lstrip().startswith("|")
    indent = line[: len(line) - len(line.lstrip())]

    def space(tag: re.Match[str]) -> str:
        name = tag[1].lower()
        if name == "br":
            return " " if row else f"\\\n{indent}"
        if name in APART:
            return " " if row else f"\n\n{indent}"
        return " " if name in SPACED else ""

    stripped = TAG.sub(space, line)
    return re.sub(r"\\\n\s*\Z", "", stripped) if stripped != line else line

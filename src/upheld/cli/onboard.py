"""The way in for a policy that exists: a published page becomes a policy file to fill in.

Goes in: a page as Markdown (see `published`). Comes out: a policy file with its prose unchanged, an
id on every clause, and an empty rule block where a rule or `.note` is still owed.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from markdown_it import MarkdownIt

from upheld.policy.import_page_parts import as_id, is_effective, latin, unique
from upheld.policy.vocabulary import TREES, WORD

if TYPE_CHECKING:
    from markdown_it.token import Token

    from upheld.policy.vocabulary import Vocabulary

TEMPLATE = """---
policy: {title}
---

# {heading} {{#about .note}}

We collect your e-mail address when you register. {{#registration}}

```rule
may collect email from customer at registration
```

We share it with nobody, {{#confidential}}

```rule
may not share personal-information to any but provider
```

- except with partners who work for us under a confidentiality agreement. {{#partners}}

  ```rule
  except may share email to trusted-partner for support when confidentiality-agreement
    with confidentiality
  ```

  ```example
  no  share email to advertiser for offers at other
  ```
"""
MARK = re.compile(r"\{(?=\s*[#.]|note\}|severed\})")
OWN_MARK = re.compile(rf"\s*\{{#({WORD.pattern[:-2]})\}}\s*\Z")
STOP_WORDS = """a about after all an and any are as at be because been before but by can do does
each for from had has have how if in into is it its may me more most must my no nor not of on one
only or other our out over own shall she should so some such than that the their them then there
these they this those through to too under until up us was we were what when where which while who
whom why will with would you your yours"""
STOP = frozenset(STOP_WORDS.split())
SAYINGS = {  # how policies say it, where the label says it otherwise
    "answer-access": "answer what we hold about you",
    "serve": "give access to our sites and services",
    "terminate": "end services",
    "charge": "charge what a minor's use costs to the account holder",
    "activity": "activity",
    "page-request": "pages requested",
    "ad-interaction": "advertisements seen or clicked",
    "outsider": "others",
    "legal-adviser": "our lawyers and the opposing party",
}
ALIKE = {  # what sentences say, by the word of the built-in vocabulary that it may mean
    "collect": "gather obtain receive record",
    "share": "disclose provide give pass send",
    "use": "process analyse analyze",
    "store": "keep retain hold save",
    "sell": "sale",
    "combine": "merge link match",
    "contact": "write notify message",
    "show-ad": "advertisement ad",
    "set-cookie": "cookie",
    "email": "email e-mail mail",
    "phone": "phone telephone",
    "ip-address": "ip",
    "card": "card payment",
    "cookie-id": "cookie",
    "trusted-partner": "processor contractor",
    "business-partner": "partner",
    "court": "subpoena",
    "law-enforcement": "police",
    "offers": "marketing promotion",
    "service-improvement": "improve",
    "fraud-detection": "fraud",
    "registration": "register signup",
    "answer-erasure": "erase erasure delete deletion",
    "permission": "consent permission",
    "opted-out": "opt-out unsubscribe",
    "child": "child children",
    "minor": "minor",
    "delete-after": "delete deletion retention",
    "encryption": "encrypt encryption",
    "notify-breach": "breach",
    "abroad": "international abroad",
}
WHOLE = {  # words whose stems others share
    "policy": "policy",
    "policies": "policy",
    "police": "police",
    "cookie": "cookie",
    "cookies": "cookie",
    "ads": "ad",
}
SIGN_UP = re.compile(r"\bsign(?:s|ed|ing)?[ -]up\b", re.IGNORECASE)
AD_HOC = re.compile(r"\bad[ -]hoc\b", re.IGNORECASE)
FOUND_MAX = 5
LINK = re.compile(r"(\]\(#)([^()\s]+)(\))")  # to a part of the same page


def template(title: str) -> str:
    """A short policy to start from."""
    return TEMPLATE.format(title=json.dumps(title, ensure_ascii=False), heading=escaped(title))


def policy_text(title: str, markdown: str, effective: str = "") -> str:
    """A policy file out of prose: front matter, and each clause with its id and an empty rule.

    Headings take their ids first, so that the links of a page's own contents lead to them. The
    title stands in the front matter, and not a second time in a heading.
    """
    lines = markdown.split("\n")
    tokens = MarkdownIt("commonmark").enable("table").disable("html_block").parse(markdown)
    items: list[tuple[Token, Token]] = []
    table = False
    for at, token in enumerate(tokens):
        table = token.type == "table_open" or (table and token.type != "table_close")
        if token.type == "inline" and token.map and not table:
            items.append((tokens[at - 1], token))
    names, targets = _named(lines, items)
    for at, (opening, token) in enumerate(items):
        linked = any(f"(#{each})" in markdown for each in targets if targets[each] == names[at])
        if (
            at == 0
            and opening.tag == "h1"
            and plain(token) == " ".join(title.split())
            and not linked
        ):
            _strike(lines, opening)
        else:
            _mark(lines, opening, token, names[at], note=_is_note(token, effective))
    body = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
    body = LINK.sub(lambda link: _led(link, targets), body)
    date = f"effective: {effective}\n" if effective else ""
    return f"---\npolicy: {json.dumps(title, ensure_ascii=False)}\n{date}---\n\n{body}\n"


def _named(
    lines: list[str], items: list[tuple[Token, Token]]
) -> tuple[dict[int, str], dict[str, str]]:
    """An id for each clause, and for each target of a link the id that it has become."""
    ids: set[str] = set()
    names: dict[int, str] = {}
    targets: dict[str, str] = {}
    own = {at: _own(lines, *each) for at, each in enumerate(items)}
    for at, mark in own.items():
        if mark:
            names[at] = unique(mark, ids)
            targets.setdefault(mark, names[at])
    for at, (opening, token) in enumerate(items):
        if opening.type == "heading_open":
            if at not in names:
                names[at] = unique(_heading_slug(token), ids)
            targets.setdefault(anchor(plain(token)), names[at])
    for at, (_, token) in enumerate(items):
        if at not in names:
            names[at] = unique(_slug(plain(token)), ids)
    return names, targets


def _own(lines: list[str], opening: Token, token: Token) -> str:
    """The mark that a clause has already; empty without one."""
    end = (token.map or (0, 0))[1]
    mark = OWN_MARK.search(lines[end - 1]) if opening.markup not in ("=", "-") else None
    return mark[1] if mark else ""


def _strike(lines: list[str], opening: Token) -> None:
    first, end = opening.map or (0, 0)
    lines[first:end] = [""] * (end - first)


def _led(link: re.Match[str], targets: dict[str, str]) -> str:
    """A link within the page, to the id that its target has now."""
    name = targets.get(unquote(link[2])) or targets.get(anchor(unquote(link[2])))
    return f"{link[1]}{name}{link[3]}" if name else link[0]


def _is_note(token: Token, effective: str) -> bool:
    """Whether a clause says only since when the policy holds, or leads to another part of it."""
    if effective and is_effective(plain(token)):
        return True
    inner = [each for each in token.children or () if each.content.strip() or each.type != "text"]
    return (
        bool(inner)
        and inner[0].type == "link_open"
        and inner[-1].type == "link_close"
        and sum(each.type == "link_open" for each in inner) == 1
        and str(inner[0].attrs.get("href", "")).startswith("#")
    )


def plain(token: Token) -> str:
    """The words of a clause as they are read, without a mark of ours."""
    text = "".join(
        " " if each.type in ("softbreak", "hardbreak") else each.content
        for each in token.children or ()
        if each.type != "image"
    )
    return " ".join(OWN_MARK.sub("", text).split())


def anchor(text: str) -> str:
    """The target that sites make of a heading: its words in lower case, joined by hyphens."""
    letters = "".join(each for each in text.lower() if each.isalnum() or each in " -_")
    return letters.strip().replace(" ", "-")


def _mark(lines: list[str], opening: Token, token: Token, name: str, *, note: bool) -> None:
    """Put an id at the end of a clause's lines, and an empty rule block under them."""
    first, end = token.map or (0, 0)
    heading = opening.type == "heading_open"
    for at in range(first, end):
        text = OWN_MARK.sub("", lines[at]) if at == end - 1 else lines[at]
        line = text.rstrip()
        if text.endswith("  ") and at < end - 1 and line:
            line += "\\"  # a hard break, which two spaces at the end of a line are too
        lines[at] = MARK.sub(r"\\{", line)
    last = lines[end - 1]
    if heading and opening.markup.startswith("#"):
        last = re.sub(r"(?<!\\)[ \t]+#+[ \t]*\Z", "", last)
    lines[end - 1] = f"{last} {{#{name}{' .note' if note else ''}}}"
    if not heading and not note:
        start = token.content.split("\n", 1)[0]
        column = max(0, lines[first].find(MARK.sub(r"\\{", OWN_MARK.sub("", start)).rstrip()))
        before = re.sub(r"[^>\s]", " ", lines[first][:column])
        block = f"{before.rstrip()}\n{before}```rule\n{before}```\n{before.rstrip()}"
        lines[end - 1] += "\n" + block


def escaped(text: str) -> str:
    """Plain text as Markdown that means it."""
    return re.sub(r"([\\`*_{}\[\]<>#])", r"\\\1", " ".join(text.split()))


def _slug(text: str) -> str:
    every = re.findall(r"[a-z0-9]+", latin(text))
    words = [word for word in every if word not in STOP] or every
    return as_id(words[:4])


def _heading_slug(token: Token) -> str:
    """What sites make of a heading, as far as it can be an id."""
    return as_id(re.findall(r"[a-z0-9]+", latin(plain(token))))


def _stem(word: str) -> str:
    if word in WHOLE:
        return WHOLE[word]
    for end in (
        "ations",
        "ation",
        "ising",
        "izing",
        "ments",
        "ment",
        "ing",
        "ies",
        "ed",
        "es",
        "s",
        "e",
        "y",
    ):
        if word.endswith(end) and len(word) - len(end) >= 3:
            return word[: -len(end)]
    return word


def _stems(text: str) -> list[str]:
    words = re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)*", text.lower())
    parts = [part for word in words for part in {word, *word.split("-")}]
    return [_stem(part) for part in parts if part not in STOP]


def suggest(sentence: str, vocabulary: Vocabulary) -> dict[str, list[str]]:
    """The words of a vocabulary that a sentence seems to speak of, tree by tree.

    Facts and duties are suggested by the words that people use for them alone: what their labels
    say is said in most sentences.
    """
    sentence = SIGN_UP.sub("signup", AD_HOC.sub("", sentence))
    stems = set(_stems(sentence))
    phrase = f" {' '.join(_every_stem(sentence))} "
    suggestions: dict[str, list[str]] = {}
    for tree in TREES:
        words = []
        for term in vocabulary.tree(tree).values():
            names = (term.name.replace("-", " "), term.label, SAYINGS.get(term.name, ""))
            alike = _stems(ALIKE.get(term.name, ""))
            if any(_speaks_of(stems, phrase, n) for n in names) or not stems.isdisjoint(alike):
                words.append(term.name)
        if words:
            suggestions[tree] = words[:FOUND_MAX]
    for tree, vocabulary_names in (("fact", [*vocabulary.facts]), ("duty", [*vocabulary.duties])):
        words = [
            name for name in vocabulary_names if not stems.isdisjoint(_stems(ALIKE.get(name, "")))
        ]
        if words:
            suggestions[tree] = words[:FOUND_MAX]
    return suggestions


def _speaks_of(words_of_text: set[str], phrase: str, name: str) -> bool:
    """Whether the words of a name are said; as one phrase where little words matter."""
    stems = _stems(name)
    if len(stems) == 1 and len(name.split()) > 1:
        return f" {' '.join(_every_stem(name))} " in phrase
    return bool(stems) and words_of_text.issuperset(stems)


def _every_stem(text: str) -> list[str]:
    return [_stem(word) for word in re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)*", text.lower())]


def suggestion(sentence: str, vocabulary: Vocabulary) -> str:
    """The suggested words of each tree in one line; empty where no word fits the sentence."""
    names = suggest(sentence, vocabulary)
    return "; ".join(f"{tree}: {', '.join(words)}" for tree, words in names.items())

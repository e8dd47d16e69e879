"""The way in for a policy that exists: a published page becomes a policy file to fill in.

Goes in: a page as Markdown (see `published`). Comes out: a policy file with its prose unchanged, an
id on every clause, and an empty rule block where a rule or `.note` is still owed.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

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
ALIKE = {  # what sentences say, by the word of the built-in vocabulary that it may mean
    "collect": "gather obtain receive record", "share": "disclose provide give pass send",
    "use": "process analyse analyze", "store": "keep retain hold save", "sell": "sale",
    "combine": "merge link match", "contact": "write notify message", "show-ad": "advertisement ad",
    "set-cookie": "cookie", "email": "email e-mail mail", "phone": "phone telephone",
    "ip-address": "ip", "card": "card payment", "cookie-id": "cookie",
    "trusted-partner": "processor contractor", "business-partner": "partner", "court": "subpoena",
    "law-enforcement": "police", "offers": "marketing promotion",
    "service-improvement": "improve", "fraud-detection": "fraud",
}  # fmt: skip
FOUND_MAX = 5


def template(title: str) -> str:
    """A short policy to start from."""
    return TEMPLATE.format(title=json.dumps(title, ensure_ascii=False), heading=escaped(title))


def policy_text(title: str, markdown: str) -> str:
    """A policy file out of prose: front matter, and each clause with its id and an empty rule."""
    lines = markdown.split("\n")
    tokens = MarkdownIt("commonmark").enable("table").disable("html_block").parse(markdown)
    ids: set[str] = set()
    table = False
    for at, token in enumerate(tokens):
        table = token.type == "table_open" or (table and token.type != "table_close")
        if token.type == "inline" and token.map and not table:
            _mark(lines, tokens[at - 1], token, ids)
    body = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
    return f"---\npolicy: {json.dumps(title, ensure_ascii=False)}\n---\n\n{body}\n"


def _mark(lines: list[str], opening: Token, token: Token, ids: set[str]) -> None:
    """Put an id at the end of a clause's lines, and an empty rule block under them."""
    first, end = token.map or (0, 0)
    own = OWN_MARK.search(lines[end - 1]) if opening.markup not in ("=", "-") else None
    heading = opening.type == "heading_open"
    name = unique(own[1] if own else _slug(token.content), ids)
    for at in range(first, end):
        text = OWN_MARK.sub("", lines[at]) if at == end - 1 else lines[at]
        kept = text.rstrip()
        if text.endswith("  ") and at < end - 1 and kept:
            kept += "\\"  # a hard break, which two spaces at the end of a line are too
        lines[at] = MARK.sub(r"\\{", kept)
    last = lines[end - 1]
    if heading and opening.markup.startswith("#"):
        last = re.sub(r"(?<!\\)[ \t]+#+[ \t]*\Z", "", last)
    lines[end - 1] = f"{last} {{#{name}}}"
    if not heading:
        start = token.content.split("\n", 1)[0]
        column = max(0, lines[first].find(MARK.sub(r"\\{", OWN_MARK.sub("", start)).rstrip()))
        before = re.sub(r"[^>\s]", " ", lines[first][:column])
        block = f"{before.rstrip()}\n{before}```rule\n{before}```\n{before.rstrip()}"
        lines[end - 1] += "\n" + block


def escaped(text: str) -> str:
    """Plain text as Markdown that means it."""
    return re.sub(r"([\\`*_{}\[\]<>#])", r"\\\1", " ".join(text.split()))


def _slug(text: str) -> str:
    words = [w for w in re.findall(r"[a-z0-9]+", text.lower()) if w not in STOP] or ["clause"]
    found = "-".join(words[:4]).lstrip("0123456789-")[:48].rstrip("-")
    return found if WORD.match(found) else "clause"


def unique(name: str, ids: set[str]) -> str:
    """The name, numbered where it is taken; it is taken from now on."""
    found, number = name, 2
    while found in ids:
        found, number = f"{name}-{number}", number + 1
    ids.add(found)
    return found


def _stem(word: str) -> str:
    for end in ("ations", "ation", "ising", "izing", "ments", "ment", "ing", "ies", "ed", "es", "s",
                "e", "y"):  # fmt: skip
        if word.endswith(end) and len(word) - len(end) >= 3:
            return word[: -len(end)]
    return word


def _stems(text: str) -> list[str]:
    words = re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)*", text.lower())
    parts = [part for word in words for part in {word, *word.split("-")}]
    return [_stem(part) for part in parts if part not in STOP]


def suggest(sentence: str, vocabulary: Vocabulary) -> dict[str, list[str]]:
    """The words of a vocabulary that a sentence seems to speak of, tree by tree."""
    said = set(_stems(sentence))
    found: dict[str, list[str]] = {}
    for tree in TREES:
        words = []
        for term in vocabulary.tree(tree).values():
            names = [_stems(term.name.replace("-", " ")), _stems(term.label)]
            alike = _stems(ALIKE.get(term.name, ""))
            if any(n and said.issuperset(n) for n in names) or not said.isdisjoint(alike):
                words.append(term.name)
        if words:
            found[tree] = words[:FOUND_MAX]
    return found


def suggestion(sentence: str, vocabulary: Vocabulary) -> str:
    """The same as a phrase, empty where nothing was found."""
    found = suggest(sentence, vocabulary)
    return "; ".join(f"{tree}: {', '.join(words)}" for tree, words in found.items())

"""Markdown as policies have it: markdown-it with the marks of clauses, and our limits."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt
from markdown_it.rules_inline import html_inline

if TYPE_CHECKING:
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_core import StateCore
    from markdown_it.rules_inline import StateInline


NESTING_MAX = 64  # of lists (two each) and quotations; markdown-it's own limit is set higher


LENGTH_MAX = 20_000  # characters of a clause; markdown-it is quadratic in hostile ones


MARK = re.compile(r"\{(?:\s*[#.][^{}]{0,200}\}|\s*[#.][^{}\s]*|(?:note|severed)\})")


def _mark_rule(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != "{" or not (match := MARK.match(state.src, state.pos, state.posMax)):
        return False
    if not silent:
        token = state.push("mark", "", 0)
        token.content, token.meta = match.group(), {"at": state.pos}
    state.pos = match.end()
    return True


def _html_rule(state: StateInline, silent: bool) -> bool:
    at = state.pos
    if not html_inline(state, silent):
        return False
    if not silent:
        state.tokens[-1].meta = {"at": at}
    return True


def _deep_rule(state: StateBlock, start: int, _end: int, silent: bool) -> bool:
    """Eat a line that is nested past the limit, before any other rule sees it, and note it."""
    if silent or state.level <= NESTING_MAX:
        return False
    state.env.setdefault("deep", start)
    state.line = start + 1
    return True


def _long_rule(state: StateCore) -> None:
    for token in state.tokens:
        if token.type == "inline" and len(token.content) > LENGTH_MAX:
            state.env.setdefault("long", []).append((token.map or [0])[0])
            token.content = token.content[:40]


@cache
def markdown_parser() -> MarkdownIt:
    """The parser: CommonMark with tables and marks; notes what is nested or long past a limit."""
    # HTML is on so that it is seen and reported; what is rendered of it is escaped.
    options = {"html": True, "xhtmlOut": False, "maxNesting": 100}
    md = MarkdownIt("commonmark", options).enable("table")
    md.inline.ruler.before("emphasis", "mark", _mark_rule)
    md.inline.ruler.at("html_inline", _html_rule)
    md.block.ruler.before("table", "deep", _deep_rule)
    md.core.ruler.before("inline", "long", _long_rule)
    return md

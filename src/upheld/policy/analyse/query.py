"""Can this ever be, and what would have to be true: one question about every request it covers.

A question is asked in the words of the language; `?` in the place of a term leaves it open, and
each word for which the answer is not never is listed. `decide` asks whether all of a question is
allowed; a query asks which part of it can be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from upheld.core.errors import RequestError
from upheld.policy.analyse.common_classes import (
    CommonClasses,
    NamesByPolicy,
    clause_order,
    example,
)
from upheld.policy.analyse.wording import Region, Wording, together, ways_of
from upheld.policy.fact_space import Space
from upheld.policy.fact_types import plain_facts
from upheld.policy.load import Policy
from upheld.policy.parse import parse_question
from upheld.policy.questions import question_of
from upheld.policy.regions import Bits, Grid
from upheld.policy.request import Decision
from upheld.policy.resolve_names import Names as Vocabulary
from upheld.policy.vocabulary import DIMENSIONS, PREPOSITIONS, TREE_OF

WHO = re.compile(r"who can (?:ever )?receive (?P<words>[a-z0-9-]+)", re.IGNORECASE)
WHAT_FOR = re.compile(
    r"(?:for )?what can (?P<words>[a-z0-9-]+) (?:ever )?be used(?: for)?", re.IGNORECASE
)
WHAT = re.compile(r"what can (?P<words>[a-z0-9-]+) (?:ever )?receive", re.IGNORECASE)
TOO_MANY = "in more ways than can be listed"
OPEN = re.compile(rf"(?:\b(?P<lead>{'|'.join(PREPOSITIONS)}) +)?(?<!\S)\?(?!\S)")


class QueryScope(msgspec.Struct, frozen=True):
    """What a query is about: actions, terms by dimension, open dimensions, facts."""

    actions: tuple[str, ...]
    terms: dict[str, tuple[str, ...]]
    open: tuple[str, ...]
    facts: dict[str, object]


class QueryCase(msgspec.Struct, frozen=True, kw_only=True):
    """Requests that are allowed under the same facts by the same clauses, with an example."""

    when: tuple[tuple[str, ...], ...]  # the shortest first; one empty set: with no fact to prove
    clauses: tuple[str, ...]
    bases: tuple[str, ...]
    regions: tuple[Region, ...]
    more: bool
    text: str
    question: dict[str, Any]
    facts: dict[str, object]
    decision: Decision


class QueryAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`never`, `always` or `when`, with the cases; `open` lists the words of an open dimension."""

    verdict: str
    cases: tuple[QueryCase, ...]
    open: dict[str, tuple[str, ...]]
    clauses: tuple[str, ...]  # that deny, where the verdict is never
    text: str

    def __str__(self) -> str:
        return self.text


def query(policy: Policy, text: str) -> QueryAnswer:
    """Whether something can ever be allowed, and when; exact over all of its requests.

    Raises RequestError for a question that cannot be asked.
    """
    return answer_scope(policy, question(policy, text))


def can_ever_be(policy: Policy, text: str) -> bool:
    """Whether something can ever be allowed; RequestError for a question that cannot be asked."""
    common, scope = CommonClasses((policy,)), question(policy, text)
    for _, _, state in classes(common, scope):
        cell = common.meaning(common.live(state))[0]
        if cell.allow & cell.space.worlds_matching(scope.facts):
            return True
    return False


def answer_scope(
    policy: Policy, scope: QueryScope, common: CommonClasses | None = None
) -> QueryAnswer:
    """Answer a query whose scope is read; `common` spares building the policy's classes again."""
    common = common or CommonClasses((policy,))
    groups: dict[_Key, _CaseGroup] = {}
    sure, denied = True, set[str]()
    for action, grid, state in classes(common, scope):
        cell = common.meaning(common.live(state))[0]
        cube = cell.space.worlds_matching(scope.facts)
        allow = cell.allow & cube
        sure = sure and allow == cube
        denied |= {clause for clause, worlds in cell.denies.items() if worlds & cube}
        if allow:
            by = clause_order(policy, (c for c, worlds in cell.allows.items() if worlds & allow))
            ways = ways_of(cell.space, allow, scope.facts)
            bases = tuple(sorted(b for b, worlds in cell.bases.items() if worlds & allow))
            group = groups.setdefault(
                (ways, by, bases), _CaseGroup(action, grid, state, cell.space, allow, {})
            )
            group.classes.setdefault(action, (grid, []))[1].append(state)
    wording = Wording(common, 0)
    cases = [_case(common, wording, key, group) for key, group in groups.items()]
    cases.sort(key=lambda c: (len(c.when[0]) if c.when else 99, c.text))
    verdict = "always" if sure else "when" if cases else "never"
    return QueryAnswer(
        verdict=verdict,
        cases=tuple(cases),
        open={d: _open_words(wording, d, cases) for d in scope.open},
        clauses=() if cases else clause_order(policy, denied),
        text=_sentence(verdict, cases, clause_order(policy, denied)),
    )


_Key = tuple[tuple[tuple[str, ...], ...], tuple[str, ...], tuple[str, ...]]


class _CaseGroup(msgspec.Struct):
    action: NamesByPolicy
    grid: Grid
    state: Bits
    space: Space
    worlds: int
    classes: dict[NamesByPolicy, tuple[Grid, list[Bits]]]


def classes(common: CommonClasses, scope: QueryScope) -> Sequence[tuple[NamesByPolicy, Grid, Bits]]:
    """The classes of requests that a question covers: action, grid, class."""
    side = common.sides[0]
    checker = common.policies[0].engine.checker
    positions = {d: checker.dimension(d, words) for d, words in scope.terms.items()}
    request_classes = []
    for action in scope.actions:
        within = dict(positions)
        if "actor" in side.takes[action] and not {"actor"} & {*positions, *scope.open}:
            within["actor"] = common.policies[0].engine.actor
        grid = common.grid((action,), within)
        request_classes += [((action,), grid, state) for state in grid.classes]
    return request_classes


def question(policy: Policy, text: str) -> QueryScope:
    """A query in the words of the language, or as one of a few plain questions."""
    plain = text.strip().rstrip("?").strip()
    takes = policy.engine.compiled.takes
    if match := WHO.fullmatch(plain):
        actions = tuple(
            a for a, dimensions in takes.items() if {"recipient", "data"} <= set(dimensions)
        )
        return _require_valid(
            policy, QueryScope(actions, {"data": (match["words"],)}, ("recipient",), {})
        )
    if match := WHAT.fullmatch(plain):
        actions = tuple(
            a for a, dimensions in takes.items() if {"recipient", "data"} <= set(dimensions)
        )
        return _require_valid(
            policy, QueryScope(actions, {"recipient": (match["words"],)}, ("data",), {})
        )
    if (match := WHAT_FOR.fullmatch(plain)) and "use" in takes:
        return _require_valid(
            policy, QueryScope(("use",), {"data": (match["words"],)}, ("purpose",), {})
        )
    leads = [PREPOSITIONS[m["lead"]] if m["lead"] else "data" for m in OPEN.finditer(text)]
    return _require_valid(policy, _parse(policy, OPEN.sub("", text), tuple(leads)))


def scope_of(
    policy: Policy, action: str, terms: Mapping[str, Sequence[str]], facts: Mapping[str, object]
) -> QueryScope:
    """A query out of its parts; RequestError where the vocabulary does not have it."""
    checker = policy.engine.checker
    actions = tuple(checker.actions(action, policy.engine.compiled.leaves["action"].names))
    words = {d: tuple(w) for d, w in terms.items() if w}
    return _require_valid(policy, QueryScope(actions, words, (), dict(facts)))


def _parse(policy: Policy, text: str, leads: tuple[str, ...]) -> QueryScope:
    node, mistakes = parse_question(text)
    names = Vocabulary(policy.program.vocabulary)
    names.definitions = dict(policy.program.definitions)
    errors = [f"{m.message}; expected {m.expected}" for m in mistakes]

    def report(_offset: int, _code: str, message: str, _expected: str, near: str) -> None:
        errors.append(message + (f"; did you mean `{near}`?" if near else ""))

    parsed = question_of(node, names, report) if node is not None else None
    if errors or parsed is None:
        raise RequestError(
            "; ".join(errors),
            code="question",
            hint="ask as in: share payment to advertiser; share birth-date to ?;"
            " who can ever receive birth-date?",
        )
    checker = policy.engine.checker
    actions = tuple(checker.actions(parsed.action, policy.engine.compiled.leaves["action"].names))
    return QueryScope(actions, parsed.dimensions, leads, dict(parsed.facts))


def _require_valid(policy: Policy, scope: QueryScope) -> QueryScope:
    """The query with its facts checked; RequestError for an unknown word or facts in parts."""
    checker = policy.engine.checker
    for dimension, words in scope.terms.items():
        checker.dimension(dimension, words)
    for dimension in (*scope.terms, *scope.open):
        checker.require_dimension(dimension, scope.actions)
    if not scope.actions:
        raise RequestError("no action takes a recipient", code="question")
    fact_input = checker.check_facts(scope.facts)
    if fact_input.parts or fact_input.rest:
        raise RequestError(
            "a query takes facts as a whole, not in parts",
            code="question",
            hint="leave the part out, or ask `decide`",
        )
    return msgspec.structs.replace(scope, facts=fact_input.values)


def _case(common: CommonClasses, wording: Wording, key: _Key, group: _CaseGroup) -> QueryCase:
    ways, clauses, bases = key
    regions, more = wording.regions(group.classes)
    cell = group.grid.first(group.state)
    request = common.request(0, group.action, [a.name for a in group.grid.axes], cell)
    facts = example(group.space, group.worlds)
    by = ", ".join(f"#{clause}" for clause in clauses) + wording.because(bases)
    condition = wording.ways(ways) or ("with nothing to prove" if ways else TOO_MANY)
    terms = {d: list(words) for d, words in request.dimensions().items()}
    return QueryCase(
        when=ways,
        clauses=clauses,
        bases=bases,
        regions=regions,
        more=more,
        text=f"{together(regions, more=more)}: {condition}, by {by}",
        question={"action": request.action, **terms},
        facts=plain_facts(facts),
        decision=common.policies[0].decide(request, facts),
    )


def _open_words(wording: Wording, dimension: str, cases: Sequence[QueryCase]) -> tuple[str, ...]:
    """The words of an open dimension for which something is allowed."""
    if dimension not in DIMENSIONS:
        return ()
    tree = TREE_OF[dimension]
    leaves: set[str] = set()
    for region in (region for case in cases for region in case.regions):
        words = region.dimensions.get(dimension)
        if words is None:
            return ("any",)
        leaves.update(leaf for word in words for leaf in wording.words.under(tree, word) or (word,))
    return tuple(wording.words.fold(tree, leaves))


def _sentence(verdict: str, cases: Sequence[QueryCase], denied: Sequence[str]) -> str:
    if verdict == "never":
        by = ", ".join(f"#{clause}" for clause in denied)
        return f"never, by {by}" if by else "never: no clause allows it"
    lead = "always" if verdict == "always" else "only"
    return "\n".join(f"{lead}: {case.text}" for case in cases)

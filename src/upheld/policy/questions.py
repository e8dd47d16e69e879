"""A question in the words of the language, as data."""

from __future__ import annotations

from upheld.core.errors import nearest
from upheld.policy import program as p
from upheld.policy.fact_types import OrderedType, fact_type, plain
from upheld.policy.resolve_names import Names, Report
from upheld.policy.syntax import ExampleNode, FactNode, Terms
from upheld.policy.vocabulary import OTHER, TREE_OF, Fact


def question_of(node: ExampleNode, names: Names, report: Report) -> p.ExampleQuestion:
    """A question in the words of the language as data; what is wrong goes to `report`."""
    dimensions = names.dimensions(node.data, node.scope)
    actions = names.actions((node.action,), report)
    for dimension in dimensions:
        if any(dimension not in names.takes(leaf) for leaf in actions):
            report(
                node.action.offset,
                "wrong-dimension",
                f"`{node.action.word}` does not take {dimension}",
                "dimensions it takes",
                "",
            )
    facts: dict[str, object] = {}
    for fact_node in node.facts:
        name, at = fact_node.fact.word, fact_node.fact.offset
        fact = names.vocabulary.facts.get(name)
        if fact is None or fact.derived:
            what = "is not a fact" if fact is None else "is derived and cannot be given"
            report(
                at,
                "unknown-word",
                f"`{name}` {what}",
                "a fact of the vocabulary",
                nearest(name, names.vocabulary.facts),
            )
            continue
        value = _fact_value(fact_node, fact, names, report)
        old = facts.get(name)
        if isinstance(old, list) and isinstance(value, list):
            old.extend(value)
        elif isinstance(old, list) or (name in facts and isinstance(value, list)):
            parts, whole = (old, value) if isinstance(old, list) else (value, old)
            facts[name] = [
                *(parts if isinstance(parts, list) else ()),
                {"rest": whole},
            ]  # said of the whole, it holds for the rest
        elif name in facts:
            report(at, "syntax", f"`{name}` is given twice", "one value, or parts", "")
        else:
            facts[name] = value
    return p.ExampleQuestion(
        action=node.action.word,
        facts=facts,
        dimensions={d: _terms_of(d, t, names, report) for d, t in dimensions.items()},
    )


def _terms_of(dimension: str, terms: Terms, names: Names, report: Report) -> tuple[str, ...]:
    leaves = frozenset().union(*(option for option, _ in names.options(dimension, terms, report)))
    if not terms.any:
        return tuple(name.word for name in terms.names)
    return tuple(n for n in names.leaves[TREE_OF[dimension]].names if n in leaves) or (OTHER,)


def _fact_value(fact_node: FactNode, fact: Fact, names: Names, report: Report) -> object:
    at, kind = fact_node.fact.offset, fact_type(fact)
    if fact_node.number is not None:
        if not isinstance(kind, OrderedType):
            report(at, "wrong-type", f"`{fact.name}` is not a number", fact.kind, "")
            return 0
        return plain(kind.value_at(names.point(kind, fact_node.number, at, report)))
    if fact_node.word is not None:
        if not kind.accepts(fact_node.word.word):
            report(
                at,
                "wrong-type",
                f"`{fact_node.word.word}` is not a word of `{fact.name}`",
                ", ".join(fact.words) or fact.kind,
                nearest(fact_node.word.word, fact.words),
            )
        return fact_node.word.word
    if not kind.yes_no:
        report(
            at, "wrong-type", f"`{fact.name}` is a {fact.kind} and needs its value", fact.kind, ""
        )
        return True
    if fact_node.part is None:
        return fact_node.holds
    part: dict[str, object] = {}
    for key, terms in fact_node.part:
        dimension = next(
            iter(
                names.dimensions(terms, ())
                if key == "data"
                else names.dimensions(None, ((key, terms),))
            )
        )
        if dimension not in fact.per:
            report(
                at,
                "wrong-dimension",
                f"`{fact.name}` is not per {dimension}",
                ", ".join(fact.per) or "no part",
                "",
            )
        part[dimension] = list(_terms_of(dimension, terms, names, report))
    if not fact.per:
        report(at, "wrong-type", f"`{fact.name}` has no parts", "the fact alone", "")
    return [part if fact_node.holds else part | {"holds": False}]

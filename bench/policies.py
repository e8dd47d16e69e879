"""Policies of a given size for benchmarks: the same rules for upheld, Cedar and Rego."""

from __future__ import annotations

import random
from typing import NamedTuple

DATA, PARTIES, PURPOSES, FACTS = 40, 20, 10, 30
FACTS_OF_A_RULE = 2


class Rule(NamedTuple):
    """One rule: whether it allows, its data, recipient, purpose, and facts that must hold."""

    allows: bool
    data: str
    recipient: str
    purpose: str
    facts: tuple[str, ...]


class Ask(NamedTuple):
    """One question with its facts, all known."""

    data: str
    recipient: str
    purpose: str
    facts: dict[str, bool]


def rules(clauses: int, facts: int = FACTS) -> list[Rule]:
    """So many rules, a fifth of them prohibitions, spread over the vocabulary."""
    chance = random.Random(clauses)  # noqa: S311 - a benchmark, not a secret
    generated = []
    for number in range(clauses):
        chosen = tuple(sorted(chance.sample(range(facts), FACTS_OF_A_RULE)))
        generated.append(
            Rule(
                number % 5 != 0,
                f"d{chance.randrange(DATA)}",
                f"r{chance.randrange(PARTIES)}",
                f"p{chance.randrange(PURPOSES)}",
                tuple(f"f{each}" for each in chosen),
            )
        )
    return generated


def asks(policy_rules: list[Rule], count: int, facts: int = FACTS) -> list[Ask]:
    """Questions, half of them inside some rule's scope."""
    chance = random.Random(len(policy_rules) + 1)  # noqa: S311 - a benchmark, not a secret
    questions = []
    for number in range(count):
        rule = policy_rules[chance.randrange(len(policy_rules))]
        fact_values = {f"f{each}": chance.random() < 0.7 for each in range(facts)}
        if number % 2:
            questions.append(Ask(rule.data, rule.recipient, rule.purpose, fact_values))
        else:
            questions.append(
                Ask(
                    f"d{chance.randrange(DATA)}",
                    f"r{chance.randrange(PARTIES)}",
                    f"p{chance.randrange(PURPOSES)}",
                    fact_values,
                )
            )
    return questions


def vocabulary(terms: int = DATA, facts: int = FACTS) -> str:
    """The vocabulary of these rules as TOML, with as many data terms as wanted."""
    lines = [
        "extends = false",
        '[action.share]\ntakes = ["data", "recipient", "purpose"]',
        "[data]",
    ]
    lines += [f"d{each} = {{}}" for each in range(max(terms, DATA))]
    lines += ["[party]", "provider = {}", *(f"r{each} = {{}}" for each in range(PARTIES))]
    lines += ["[purpose]", *(f"p{each} = {{}}" for each in range(PURPOSES)), "[fact]"]
    lines += [f'f{each} = {{label = "fact {each}"}}' for each in range(facts)]
    return "\n".join(lines)


def markdown(policy_rules: list[Rule]) -> str:
    """The rules as a policy of ours."""
    parts = ["---\npolicy: Benchmark\nversion: 1\n---\n# Rules\n"]
    for number, rule in enumerate(policy_rules):
        verb = "may" if rule.allows else "may not"
        parts.append(
            f"What the clause of number {number} says about this, in a sentence. {{#c{number}}}\n\n"
            f"```rule\n{verb} share {rule.data} to {rule.recipient} for {rule.purpose}"
            f" when {' and '.join(rule.facts)}\n```\n"
        )
    return "\n".join(parts)


def crowded(facts: int) -> tuple[str, Ask]:
    """A policy with so many facts at one cell, and a question about it."""
    policy_rules = [
        Rule(True, "d0", "r0", "p0", (f"f{n}", f"f{n + 1}")) for n in range(0, facts, 2)
    ]
    return markdown(policy_rules), Ask(
        "d0", "r0", "p0", {f"f{n}": n % 3 == 0 for n in range(facts)}
    )


def cedar(policy_rules: list[Rule]) -> str:
    """The rules in Cedar."""
    parts = []
    for number, rule in enumerate(policy_rules):
        effect = "permit" if rule.allows else "forbid"
        facts = " && ".join(f"context.{fact}" for fact in rule.facts)
        parts.append(
            f'@id("c{number}") {effect} (principal == Party::"{rule.recipient}", '
            f'action == Action::"share", resource == Data::"{rule.data}") '
            f'when {{ context.purpose == "{rule.purpose}" && {facts} }};'
        )
    return "\n".join(parts)


def rego(policy_rules: list[Rule]) -> str:
    """The rules in Rego, each naming its clause."""
    parts = ["package upheld", "import rego.v1", "default allow := false"]
    for number, rule in enumerate(policy_rules):
        kind = "permits" if rule.allows else "forbids"
        facts = "\n".join(f"  input.facts.{fact}" for fact in rule.facts)
        parts.append(
            f'{kind} contains "c{number}" if {{\n  input.data == "{rule.data}"\n'
            f'  input.recipient == "{rule.recipient}"\n'
            f'  input.purpose == "{rule.purpose}"\n{facts}\n}}'
        )
    parts.append("allow if {\n  count(permits) > 0\n  count(forbids) == 0\n}")
    return "\n".join(parts)

"""A decision in words, at three depths and for three audiences.

A line for a log, a paragraph for a customer in the clause's own prose with a link, and a tree for
a developer: each clause that speaks of the question, whether its rules decide, and what was
missing. What is said depends on the policy and the question alone.

Facts are about a person, and what must be proven tells of age, debt or consent. So anyone is told
of the policy alone, as if no fact were known; a caller without a right to the facts is told the
outcome in a fixed sentence, the same for every refusal; the entitled (the person, staff with a
task) are told all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from upheld.policy.decide import Engine
from upheld.policy.english import word_list
from upheld.policy.fact_space import combine_truth, tests_of, truth
from upheld.policy.load import Policy
from upheld.policy.program import Condition, DutyDue
from upheld.policy.request import Decision, Request
from upheld.policy.sentences import Sentences, text
from upheld.policy.vocabulary import BASIS

VERDICT = {"allow": "Yes", "deny": "No", "needs-proof": "Only if", "error": "No answer"}
DEPTH_SHOWN = 8  # of exceptions to exceptions
VERSION = 2  # of the words and layout of explanations, for programs that read them
AUDIENCES = ("anyone", "caller", "entitled")
DONE, NOT_DONE = "This is allowed.", "This is not allowed."
CLAUSES_SHOWN = 40  # of a tree; a question that leaves all open touches every clause


def explanation_text(
    engine: Engine, question: Mapping[str, Any], decision: Decision, depth: str
) -> str:
    """A decision on a question in words, at one of the three depths, a key of `DEPTHS`."""
    return DEPTHS[depth](engine, question, decision)


def explanation(
    policy: Policy,
    question: Mapping[str, Any],
    depth: str = "paragraph",
    audience: str = "entitled",
) -> dict[str, Any]:
    """The explanation of a question for an audience, as plain JSON.

    `version`, `audience`, `outcome` and `text`; `decision` is left out for a caller, to whom what
    is refused and what must be proven look alike.
    """
    if audience == "anyone":
        question = {name: value for name, value in question.items() if name != "facts"}
    decision = policy.ask(question)
    answer: dict[str, Any] = {"version": VERSION, "audience": audience}
    if audience == "caller":
        outcome, text_ = ("allow", DONE) if decision.allowed else ("deny", NOT_DONE)
        return {**answer, "outcome": outcome, "text": text_}
    text_ = explanation_text(policy.engine, question, decision, depth)
    return {**answer, "outcome": decision.outcome, "text": text_, "decision": decision}


def line(_engine: Engine, question: Mapping[str, Any], decision: Decision) -> str:
    """One line without a person's facts, for a log."""
    words = [question["action"]]
    for dimension, terms in question.items():
        if dimension not in ("action", "facts", "id"):
            names = [terms] if isinstance(terms, str) else terms
            words.append(f"{dimension}={','.join(names)}")
    citation = ",".join(decision.clauses) or decision.kind or decision.code
    return f"{decision.outcome} {' '.join(words)} by={citation}"


def paragraph(engine: Engine, _question: Mapping[str, Any], decision: Decision) -> str:
    """A few sentences for a customer, quoting the clauses that decide."""
    program = engine.program
    words = Sentences(program)
    if decision.outcome == "error":
        return f"{VERDICT['error']}: {decision.why}."
    sentences = []
    if decision.outcome == "needs-proof":
        ways = [" and ".join(words.literal(each) for each in way) for way in decision.prove]
        sentences.append(f"Only if {'; or '.join(ways)}.")
    else:
        sentences.append(f"{VERDICT[decision.outcome]}.")
    if decision.outcome == "deny" and not decision.clauses:
        sentences.append(
            "No clause of the policy allows it, and what no clause allows is not done."
        )
    sentences += [
        f"“{program.clause(name).text.strip()}” ({program.front.address}#{name})"
        for name in decision.clauses
    ]
    if decision.duties:
        duties = [
            words.duty(DutyDue(d.duty, "" if d.amount is None else str(d.amount), d.unit))
            for d in decision.duties
        ]
        sentences.append(f"Always {word_list(duties, 'and')}.")
    if decision.bases:
        bases = word_list((words.label(BASIS, basis) for basis in decision.bases), "and")
        sentences.append(f"Legal basis: {bases}.")
    return "\n".join(sentences)


def tree(engine: Engine, question: Mapping[str, Any], decision: Decision) -> str:
    """Every clause that speaks of the question, whether it applies and why, what came nearest."""
    lines = [f"{decision.outcome}: {decision.why}"]
    if decision.outcome == "error":
        return lines[0]
    rules = _RuleTree(engine, question, decision)
    nodes = engine.program.nodes
    tops = [n for n in sorted(rules.speaking) if rules.speaking.isdisjoint(nodes[n].parents)]
    for number in tops[:CLAUSES_SHOWN]:
        lines += rules.branch(number)
    if len(tops) > CLAUSES_SHOWN:
        lines.append("  … and more; say more of the question")
    for near in decision.nearest:
        lines.append(f"  nearest: #{near.clause}, which lacked {' and '.join(near.lacks)}")
    for way in decision.prove:
        lines.append(f"  to prove: {' and '.join(way)}")
    for each in decision.owed:
        when = f"within {each.amount} {each.unit}" if each.amount is not None else "at once"
        lines.append(f"  owed: #{each.clause}, {when}{'' if each.certain else ', if proven'}")
    for dimension, leaves in decision.depends.items():
        lines.append(f"  left out: {dimension}; allowed at any but {', '.join(leaves)}")
    return "\n".join(lines)


class _RuleTree:
    """The rules that speak of a question: whether each applies, and by which facts."""

    def __init__(self, engine: Engine, question: Mapping[str, Any], decision: Decision) -> None:
        self.engine, self.decision = engine, decision
        self.words = Sentences(engine.program)
        plan = engine.plan(_request(question))
        fact_input = engine.checker.check_facts(question.get("facts", {}))
        cells = (
            engine.cells(plan.actions, plan.masks, fact_input.parts)
            if fact_input.parts
            else plan.cells
        )
        self.cases = [(case.bits, case.facts) for case, _ in engine.cases(cells, fact_input)]
        bits = 0
        for cell, _ in cells:
            bits |= engine.compiled.live(cell)
        masks = engine.compiled.masks
        self.speaking = {n for n, (own, _) in enumerate(masks) if own & bits}

    def branch(self, number: int, depth: int = 1) -> list[str]:
        """A rule and, under it, those of its exceptions that speak of the question too."""
        node = self.engine.program.nodes[number]
        sentences = ". ".join(dict.fromkeys(text(p) for p in self.words.rule(node)))
        mark, facts = self.rule_status(number)
        effect = "deny" if self.decision.outcome == "deny" else "allow"
        is_cited = node.clause in self.decision.clauses and node.effect == effect
        if is_cited and mark != "does not apply":
            mark = "decides"
        why = f" [{'; '.join(facts)}]" if facts else ""
        lines = [f"{'  ' * depth}#{node.clause} {mark}: {sentences}{why}"]
        for child in self.engine.compiled.children[number]:
            if child in self.speaking and depth < DEPTH_SHOWN:
                lines += self.branch(child, depth + 1)
        return lines

    def rule_status(self, number: int) -> tuple[str, list[str]]:
        """Whether a rule applies where it speaks, and the facts that say so."""
        truths: set[bool | None] = set()
        values: dict[str, object] = {}
        unknown: set[str] = set()
        own, gates = self.engine.compiled.masks[number]
        vocabulary = self.engine.program.vocabulary.facts
        for bits, facts in self.cases:
            if own & bits:
                sets = [self._conditions(each & bits) for each in (own, *gates)]
                holds = [
                    combine_truth([truth(c, facts, vocabulary) for c in s], decisive=True)
                    for s in sets
                ]
                truths.add(combine_truth(holds, decisive=False))
                for name in {t.fact for s in sets for c in s for t in tests_of(c)}:
                    if name in facts:
                        values[name] = facts[name]
                    else:
                        unknown.add(name)
        if None in truths:
            return "may apply", [f"unknown: {', '.join(sorted(unknown))}"]
        mark = "does not apply" if True not in truths else "applies"
        if len(truths) > 1:
            mark = "applies to a part of it"
        return mark, self.words.fact_phrases(dict(sorted(values.items())))

    def _conditions(self, bits: int) -> list[Condition]:
        """The conditions of some copies of rules."""
        conditions = []
        while bits:
            low = bits & -bits
            conditions.append(self.engine.compiled.copies[low.bit_length() - 1][2].condition)
            bits ^= low
        return conditions


def _request(question: Mapping[str, Any]) -> Request:
    return Request(**{key: value for key, value in question.items() if key not in ("facts", "id")})


Explainer = Callable[[Engine, Mapping[str, Any], Decision], str]
DEPTHS: dict[str, Explainer] = {"line": line, "paragraph": paragraph, "tree": tree}

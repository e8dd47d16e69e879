"""Commands that ask: `decide` for programs and people, `explain` for whoever wants to know why."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from upheld.cli.output import JSON, POLICY, loaded, print_json
from upheld.core.errors import RequestError, UpheldError

if TYPE_CHECKING:
    from upheld.policy.load import Policy
    from upheld.policy.request import Decision
    from upheld.policy.syntax import ExampleNode

WORDS = typer.Argument(None, help="A question in words: share email to advertiser at ad-click.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(decide)
    app.command()(explain)


def question_in_words(policy: Policy, text: str) -> dict[str, Any]:
    """A question typed in the words of the language; RequestError if it is none."""
    from upheld.policy.parse import parse_question
    from upheld.policy.questions import question_of
    from upheld.policy.resolve_names import Names

    node, mistakes = parse_question(text)
    names = Names(policy.program.vocabulary)
    names.definitions = dict(policy.program.definitions)
    messages: list[str] = [f"{m.message}; expected {m.expected}" for m in mistakes]
    codes: list[str] = ["bad-line"] * len(messages)

    def report(offset: int, code: str, message: str, _expected: str, near: str) -> None:
        messages.append(message + (f"; did you mean `{near}`?" if near else ""))
        codes.append(_code(node, offset, code, policy))

    question = question_of(node, names, report) if node is not None else None
    if messages or question is None:
        raise RequestError(
            "; ".join(messages) or "there is no question",
            code=codes[0] if codes else "bad-line",
            hint="ask as in: share email to advertiser for offers given permission",
        )
    return {"action": question.action, **question.dimensions, "facts": question.facts}


def _code(node: ExampleNode | None, offset: int, code: str, policy: Policy) -> str:
    """The code of a question for a mistake in its words, as an answer in JSON has it."""
    if code != "unknown-word" or node is None:
        return "bad-line" if code == "syntax" else code
    if offset == node.action.offset:
        return "unknown-action"
    for fact_node in node.facts:
        if fact_node.fact.offset == offset:
            declared = fact_node.fact.word in policy.program.vocabulary.facts
            return "derived-fact" if declared else "unknown-fact"
    return "unknown-term"


def ask_in_words(policy: Policy, text: str, *, as_json: bool) -> tuple[dict[str, Any], Decision]:
    """A question in words and the decision; leaves with 2 where it cannot be asked."""
    from upheld.policy.request import error_decision

    try:
        question = question_in_words(policy, text)
        decision = policy.ask(question)
    except RequestError as error:
        question, decision = {}, error_decision(error)
    if decision.outcome != "error":
        return question, decision
    if as_json:
        print_json(decision)
        raise typer.Exit(2)
    raise RequestError(decision.why, code=decision.code)


def decide(
    policy: Path = POLICY,
    question: str | None = WORDS,
    requests: str | None = typer.Option(
        None, "--requests", help="Questions, one JSON a line; - is standard input."
    ),
    as_json: bool = JSON,
) -> None:
    """Answer one question in words, or a question a line with an answer a line."""
    if question is not None and requests is not None:
        raise UpheldError(
            "a question and --requests exclude each other",
            code="usage",
            hint="give the question in words, or the file of questions",
        )
    rules = loaded(policy, as_json=as_json)
    if question is None:
        raise typer.Exit(0 if _lines(rules, requests or "-") else 1)
    _, decision = ask_in_words(rules, question, as_json=as_json)
    if as_json:
        print_json(decision)
    else:
        print(decision.why)
    raise typer.Exit(0 if decision.allowed else 1)


def _lines(policy: Policy, requests: str) -> bool:
    """Answer lines from a file or from standard input; whether none was an error."""
    from upheld.cli.lines import answer_lines, opened

    with opened(requests) as source:
        return answer_lines(policy, source, sys.stdout.buffer)


def explain(
    policy: Path = POLICY,
    question: str = typer.Argument(
        help="A question in words: share email to advertiser at ad-click."
    ),
    depth: str = typer.Option("paragraph", help="line, paragraph or tree."),
    audience: str = typer.Option("entitled", "--for", help="anyone, caller or entitled."),
    as_json: bool = JSON,
) -> None:
    """Say why: a line for a log, a paragraph for a customer, a tree for a developer."""
    from upheld.policy.explain import AUDIENCES, DEPTHS, explanation

    for what, choice, choices in (("depth", depth, DEPTHS), ("audience", audience, AUDIENCES)):
        if choice not in choices:
            raise UpheldError(
                f"there is no {what} `{choice}`", code="usage", hint="one of " + ", ".join(choices)
            )
    rules = loaded(policy, as_json=as_json)
    text = explanation(rules, ask_in_words(rules, question, as_json=as_json)[0], depth, audience)
    if as_json:
        print_json(text)
    else:
        print(text["text"])
    raise typer.Exit(0 if text["outcome"] == "allow" else 1)

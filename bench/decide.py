"""How long a decision takes, against a bare look-up and against two engines with the same rules.

Every decision of a peer is compared with ours before anything is timed. Prints a Markdown table
of ratios for docs/benchmarks.md. Needs cedarpy and celine-regorus beside upheld.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import policies

import upheld

SIZES = (25, 100, 400, 1600)
QUESTIONS = 200


def best(work: Callable[[], object], count: int, repeat: int = 5) -> float:
    """The least time of one piece of work, in microseconds, of several runs."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) / count)
    return min(times) * 1e6


def floor(asks: list[policies.Ask]) -> float:
    """One function call with a look-up by a tuple of strings."""
    table = {("share", a.data, a.recipient, a.purpose): a for a in asks}

    def look(action: str, data: str, recipient: str, purpose: str) -> policies.Ask:
        return table[(action, data, recipient, purpose)]

    def run() -> None:
        for a in asks:
            look("share", a.data, a.recipient, a.purpose)

    return best(run, len(asks), 50)


def same(peer: str, theirs: list[bool], ours: list[bool]) -> None:
    """Stop unless a peer decides as we do."""
    if theirs != ours:
        sys.exit(f"{peer} decides otherwise")


def check_cedar(text: str, asks: list[policies.Ask], ours: list[bool]) -> float:
    """Cedar's time a decision, after every decision was found equal."""
    import cedarpy  # noqa: PLC0415 - a peer, there only where it is measured

    compiled = cedarpy.PolicySet.from_str(text)
    requests = [
        {
            "principal": f'Party::"{a.recipient}"',
            "action": 'Action::"share"',
            "resource": f'Data::"{a.data}"',
            "context": {"purpose": a.purpose, **a.facts},
        }
        for a in asks
    ]

    def ask(request: Mapping[str, object]) -> bool:
        return bool(cedarpy.is_authorized(request, compiled, []).allowed)

    same("Cedar", [ask(each) for each in requests], ours)
    few = requests[:20]
    return best(lambda: [ask(each) for each in few], len(few), 3)


def check_rego(text: str, asks: list[policies.Ask], ours: list[bool]) -> float:
    """Regorus' time a decision, after every decision was found equal."""
    import regorus  # noqa: PLC0415 - a peer, there only where it is measured

    engine = regorus.Engine()
    engine.add_policy("upheld.rego", text)
    inputs = [
        json.dumps(
            {"data": a.data, "recipient": a.recipient, "purpose": a.purpose, "facts": a.facts}
        )
        for a in asks
    ]

    def ask(question: str) -> bool:
        engine.set_input_json(question)
        return bool(engine.eval_rule("data.upheld.allow"))

    same("Rego", [ask(each) for each in inputs], ours)
    few = inputs[:20]
    return best(lambda: [ask(each) for each in few], len(few), 3)


def row(clauses: int) -> str:
    """One line of the table."""
    rules = policies.rules(clauses)
    asks = policies.asks(rules, QUESTIONS)
    policy = upheld.load_text(policies.markdown(rules), vocabulary=policies.vocabulary())
    requests = [
        upheld.Request("share", data=a.data, recipient=a.recipient, purpose=a.purpose) for a in asks
    ]
    facts = [dict(list(a.facts.items())[:6]) for a in asks]
    ours = [policy.decide(r, a.facts).allowed for r, a in zip(requests, asks, strict=True)]
    pairs = list(zip(requests, facts, strict=True))
    prepared = [
        (policy.question("share", data=a.data, recipient=a.recipient, purpose=a.purpose), f)
        for a, f in zip(asks, facts, strict=True)
    ]
    three = [(r, dict(list(f.items())[:3])) for r, f in pairs]
    least = floor(asks)
    decide = policy.decide
    three_facts = best(lambda: [decide(r, f) for r, f in three], len(pairs), 50)
    six = best(lambda: [decide(r, f) for r, f in pairs], len(pairs), 50)
    hot = best(lambda: [q.decide(f) for q, f in prepared], len(prepared), 50)
    cedar = check_cedar(policies.cedar(rules), asks, ours)
    rego = check_rego(policies.rego(rules), asks, ours)
    return (
        f"| {clauses} | {three_facts / least:.1f}× | {six / least:.1f}× | {hot / least:.1f}× |"
        f" {cedar / three_facts:,.0f}× | {rego / three_facts:,.0f}× | {least:.2f} µs |"
    )


def crowded() -> str:
    """Eighteen facts at one cell: the first answer and those after it."""
    text, ask = policies.crowded(18)
    policy = upheld.load_text(text, vocabulary=policies.vocabulary())
    request = upheld.Request("share", data=ask.data, recipient=ask.recipient, purpose=ask.purpose)
    start = time.perf_counter()
    policy.decide(request, ask.facts)
    first = time.perf_counter() - start
    later = best(lambda: policy.decide(request, ask.facts), 1, 1000)
    return f"Eighteen facts at one cell: {first * 1e3:.1f} ms once, then {later:.2f} µs a decision."


def loading() -> list[str]:
    """Load and compile: warm in this process, cold in a new one; a larger vocabulary."""
    lines = ["| clauses | terms | warm | cold process |", "|---|---|---|---|"]
    for clauses, terms in ((25, 200), (25, 2000), (1600, 200)):
        text, words = policies.markdown(policies.rules(clauses)), policies.vocabulary(terms)
        warm = best(lambda: upheld.load_text(text, vocabulary=words), 1, 3) / 1e3  # noqa: B023 - called at once
        with tempfile.TemporaryDirectory() as folder:
            front = text.replace("version: 1", "version: 1\nvocabulary: v.toml")
            Path(folder, "p.md").write_text(front)
            Path(folder, "v.toml").write_text(words)
            code = f"import upheld; upheld.load({str(Path(folder, 'p.md'))!r})"
            cold = min(process(code) for _ in range(5))
        lines.append(f"| {clauses} | {terms} | {warm:.0f} ms | {cold * 1e3:.0f} ms |")
    bare = min(process("pass") for _ in range(5))
    door = min(process("import upheld") for _ in range(5))
    lines.append(f"\n`import upheld`: {door / bare:.2f}× the bare interpreter's start.")
    return lines


def process(code: str) -> float:
    """Seconds of one Python process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def main() -> None:
    """Print the tables."""
    print(f"Measured on {os.cpu_count()} cores.\n")
    print(
        "| clauses | given request, 3 facts | 6 facts | prepared, 6 facts | Cedar / ours |"
        " Rego / ours | floor |\n|---|---|---|---|---|---|---|"
    )
    for clauses in SIZES:
        print(row(clauses), flush=True)
    print()
    print(crowded() + "\n")
    print("\n".join(loading()))


if __name__ == "__main__":
    main()

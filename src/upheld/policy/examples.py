"""The examples of a policy that it answers otherwise than they say."""

from __future__ import annotations

from upheld.core.errors import Fault
from upheld.policy.load import Policy


def wrong_examples(policy: Policy, file: str) -> list[Fault]:
    """A fault for each example that the policy answers otherwise, in the order of the file."""
    faults = []
    for clause in policy.program.clauses:
        heading = policy.program.clauses[clause.heading].text if clause.heading >= 0 else ""
        for example in clause.examples:
            decision, expected = policy.example(example)
            if expected:
                text = " ".join(example.text.split())
                faults.append(
                    Fault(
                        file=file,
                        line=example.line,
                        column=1,
                        code="wrong-example",
                        message=f"`{text}` is answered: {decision.why}",
                        clause=heading,
                        expected=expected,
                    )
                )
    return faults

"""A draft as it comes out of a form, read and checked strictly.

The vocabulary that it names is one that comes with upheld or that of the version in force, as it is
kept with it: nobody has the console read a file of the machine.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from upheld.core.errors import PolicyError
from upheld.policy.analyse.strict import DraftProblem, problems_of_faults, strict_problems
from upheld.policy.document import decode, read_document
from upheld.policy.load import Policy, read_program
from upheld.policy.read_vocabulary import builtin_names

_NAME: Final = "draft.md"


class Checked(NamedTuple):
    """A draft that was read, or what is wrong with it."""

    policy: Policy | None
    problems: list[DraftProblem]


def checked(raw: bytes, in_force: Policy) -> Checked:
    """Read a draft as `upheld check --strict` does."""
    name = _vocabulary_named(raw)
    own = None
    if name and name not in builtin_names():
        if name != in_force.front.vocabulary:
            text = f"`{name}` is no vocabulary that comes with upheld, nor the one in force"
            remedy = "make the draft with `upheld version draft`, where its file is"
            return Checked(None, [DraftProblem(1, text, remedy, "vocabulary")])
        own = in_force.program.vocabulary.sources[-1]
    try:
        policy = Policy(read_program(raw, _NAME, vocabulary=own))
    except PolicyError as error:
        return Checked(None, problems_of_faults(error.faults))
    problems = strict_problems(policy)
    return Checked(None if problems else policy, problems)


def _vocabulary_named(raw: bytes) -> str:
    """The vocabulary that a draft names; empty where it is too broken to say."""
    text, faults = decode(raw, _NAME)
    document = None if faults else read_document(text, _NAME)[0]
    return document.front.vocabulary if document else ""

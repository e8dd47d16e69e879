"""What a policy promises and the running provider cannot keep: seen before anybody relies on it.

A duty that no part carries out makes every rule with it one that is never done. A fact that no page
or command records is proven only by a program of the provider's own. An action that nothing asks is
allowed and never happens; an obligation that nothing fulfils will be late each time. Practices say
which actions they ask of the policy and which facts they keep records of; the gate and its carriers
and provers are asked themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from upheld.policy.fact_space import tests_of
from upheld.policy.load import Policy
from upheld.policy.program import Node
from upheld.policy.retelling import THEY, about_person
from upheld.practice.plugin import Provider

GATE_ASKS: Final = ("collect", "store", "delete")  # of itself: what comes in, what must go
GATE_PROVES: Final = ("birth-date", "session")  # kinds of proof that need no record
KINDS: Final = {
    "duty": "nothing carries it out, so what is allowed with it is never done",
    "fact": "no page or command here records it, so only a program of your own can make it so",
    "action": "nothing asks for it, so it is allowed and not done",
    "obligation": "nothing fulfils it, so it would be late",
}


class UnkeptPromise(NamedTuple):
    """A word that the policy relies on and nothing here keeps, with the clauses that use it."""

    kind: str
    word: str
    label: str
    clauses: tuple[str, ...]

    @property
    def why(self) -> str:
        """What follows from it, as the end of a sentence."""
        return KINDS[self.kind]


def _for_staff(label: str) -> str:
    return about_person(label, THEY)


def find_unkept(provider: Provider, policy: Policy) -> list[UnkeptPromise]:
    """Everything that a policy promises and that no part of this provider keeps."""
    words = policy.program.vocabulary
    asks = {*GATE_ASKS, *(each for practice in provider.practices for each in practice.actions)}
    gate = provider.gate.gate
    clauses_by_word: dict[tuple[str, str], list[str]] = {}
    for kind, word, clause in _promises(policy):
        match kind:
            case "duty":
                is_kept = gate.carries_out(word)
            case "fact":
                is_kept = _can_be_proven(provider, policy, word)
            case _:
                is_kept = word in asks
        if not is_kept:
            clauses_by_word.setdefault((kind, word), []).append(clause)
    labels = {
        "duty": {name: _for_staff(each.label) for name, each in words.duties.items()},
        "fact": {name: _for_staff(each.label) for name, each in words.facts.items()},
        "action": {name: _for_staff(each.label) for name, each in words.tree("action").items()},
    }
    labels["obligation"] = labels["action"]
    order = {clause.id: at for at, clause in enumerate(policy.program.clauses)}
    promises = [
        UnkeptPromise(
            kind,
            word,
            labels[kind].get(word, "") or word,
            tuple(sorted(set(clauses), key=order.__getitem__)),
        )
        for (kind, word), clauses in clauses_by_word.items()
    ]
    return sorted(promises, key=lambda each: ([*KINDS].index(each.kind), order[each.clauses[0]]))


def summary_lines(promises: Iterable[UnkeptPromise]) -> list[str]:
    """One line for each kind of promise that is not kept, for a log."""
    kinds: dict[str, list[str]] = {}
    for each in promises:
        kinds.setdefault(each.kind, []).append(each.word)
    names = {
        "duty": "duties that nothing carries out",
        "fact": "facts that no page or command records",
        "action": "actions that nothing asks for",
        "obligation": "obligations that nothing fulfils",
    }
    return [f"{names[kind]}: {', '.join(words)}" for kind, words in kinds.items()]


def _promises(policy: Policy) -> Iterator[tuple[str, str, str]]:
    """Each word that a rule relies on, as (kind, word, clause id)."""
    for node in policy.program.nodes:
        for duty in node.duties:
            yield "duty", duty.duty, node.clause
        for copy in (*node.copies, *(each for gate in node.gates for each in gate)):
            for test in tests_of(copy.condition):
                yield "fact", test.fact, node.clause
        if node.effect == "allow":
            yield from _actions_of(node)


def _actions_of(node: Node) -> Iterator[tuple[str, str, str]]:
    """The actions that a rule lets us do, or wants done."""
    kind = "obligation" if node.verb == "must" else "action"
    for action in {action for copy in node.copies for action in copy.actions}:
        yield kind, action.removesuffix("/other"), node.clause


def _can_be_proven(provider: Provider, policy: Policy, name: str) -> bool:
    """Whether anything here can ever prove a fact."""
    fact = policy.program.vocabulary.facts[name]
    return (
        fact.proof in GATE_PROVES
        or any(fact.proof in practice.provers for practice in provider.practices)
        or any(name in practice.recorded_facts for practice in provider.practices)
    )

"""Small random policies over one small vocabulary, and brute force over them by the oracle.

A seed gives a policy of a few clauses; `edited` gives another version of it. `answers` asks the
obvious evaluator about each cell in each world, one by one, with every fact given.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from random import Random
from typing import Any

import upheld
from upheld.policy.reference import reference
from upheld.policy.reference_questions import VocabularyWords

WORDS = """
extends = false
[action]
keep = {takes = ["data"]}
use = {takes = ["data", "purpose"]}
[action.disclose]
takes = ["data", "recipient", "purpose"]
share = {}
[data.contact]
email = {}
[data]
card = {}
[party]
provider = {}
trusted-partner = {}
stranger = {}
[purpose]
offers = {}
support = {}
[fact]
paid = {label = "you paid"}
listed = {label = "you are listed", absent = "no"}
age = {type = "number", unit = "years", label = "your age"}
confidentiality-agreement = {label = "an agreement is in force"}
[duty]
sealed = {label = "sealed"}
delete-after = {label = "deleted after this time"}
[basis]
contract = {label = "our contract"}
consent = {label = "your consent"}
"""
TERMS = {
    "data": ("contact", "email", "card", "any", "any but email"),
    "to": ("trusted-partner", "stranger", "any but provider", "trusted-partner, stranger"),
    "for": ("offers", "support", "any but support"),
}
TAKES = {"keep": (), "use": ("for",), "share": ("to", "for"), "disclose": ("to", "for")}
FACTS = (
    "paid",
    "listed",
    "age < 18",
    "age >= 13",
    "not paid",
    "confidentiality-agreement",
    "paid or listed",
    "age >= 18 and not listed",
)
WORLDS = [
    {"paid": paid, "listed": listed, "age": age, "confidentiality-agreement": agreed}
    for paid, listed, age, agreed in product(
        (False, True), (False, True), (12, 15, 18), (False, True)
    )
]
Names = tuple[str, ...]
Answer = tuple[str, Names, Names, Names, Names]  # outcome, clauses, duties, what is owed, bases


@dataclass(frozen=True)
class Clause:
    """A clause: id, rule block, whether it is severed, and an exception in a list under it."""

    id: str
    rule: str
    severed: bool = False
    item: str = ""

    def text(self) -> str:
        """The clause as Markdown."""
        mark = " .severed" if self.severed else ""
        found = f"What {self.id} says. {{#{self.id}{mark}}}\n\n```rule\n{self.rule}\n```\n\n"
        if self.item:
            found += f"- but {self.id} {{#{self.id}-but}}\n\n  ```rule\n  {self.item}\n  ```\n\n"
        return found


def document(clauses: list[Clause]) -> str:
    """Clauses as a policy file."""
    return "---\npolicy: Small\n---\n\n" + "".join(clause.text() for clause in clauses)


def loaded(clauses: list[Clause]) -> upheld.Policy | None:
    """The policy, or None where an exception cannot meet what it belongs to."""
    try:
        return upheld.load_text(document(clauses), vocabulary=WORDS)
    except upheld.PolicyError as error:
        if any(fault.code != "exception-cannot-meet" for fault in error.faults):
            raise
        return None


def rule(random: Random, verb: str = "", action: str = "") -> str:
    """One rule without exceptions."""
    verb = verb or random.choice(["may", "may", "may", "may not", "may not", "must"])
    action = action or random.choice(["keep", "use", "share", "share", "disclose"])
    said = f"{verb} {action}"
    if random.random() < 0.7:
        said += f" {random.choice(TERMS['data'])}"
    for lead in TAKES[action]:
        if random.random() < 0.5:
            said += f" {lead} {random.choice(TERMS[lead])}"
    if random.random() < 0.6:
        said += f" {random.choice(['when', 'unless'])} {random.choice(FACTS)}"
    if verb == "must" and random.random() < 0.5:
        said += " within 30 days"
    if verb != "may not" and random.random() < 0.4:
        said += (
            f" with {random.choice(['sealed', 'delete-after 6 months', 'delete-after 1 years'])}"
        )
    if verb != "may not" and random.random() < 0.3:
        said += f" because {random.choice(['contract', 'consent', 'contract, consent'])}"
    return said


def clause(random: Random, name: str) -> Clause:
    """One clause, now and then with exceptions."""
    action = random.choice(["keep", "use", "share", "share", "disclose"])
    found = rule(random, action=action)
    if random.random() < 0.5:
        found += f"\n  except {rule(random, action=action)}"
    item = ""
    if random.random() < 0.3:
        lift = f"except when {random.choice(FACTS)}"
        item = random.choice([f"except {rule(random, action=action)}", lift])
    return Clause(name, found, random.random() < 0.1, item)


def clauses(random: Random) -> list[Clause]:
    """A policy that the loader takes."""
    while True:
        found = [clause(random, f"c{number}") for number in range(random.randint(1, 5))]
        if loaded(found) is not None:
            return found


def edited(random: Random, old: list[Clause]) -> list[Clause]:
    """Another version: a clause dropped, added, moved, renamed, severed, or written anew."""
    while True:
        new, at = list(old), random.randrange(len(old))
        match random.choice(["drop", "add", "shuffle", "rename", "sever", "rewrite"]):
            case "drop":
                del new[at]
            case "add":
                new.append(clause(random, "more"))
            case "shuffle":
                random.shuffle(new)
            case "rename":
                new[at] = replace(new[at], id="renamed")
            case "sever":
                new[at] = replace(new[at], severed=True)
            case _:
                new[at] = clause(random, new[at].id)
        if loaded(new) is not None:
            return new


def cells(program: Any) -> list[dict[str, str]]:
    """Every cell of every action."""
    words = VocabularyWords(program)
    tops = [t.name for t in program.vocabulary.trees["action"].values() if not t.parent]
    return [cell for top in tops for cell in words.cells({"action": top})]


def answers(program: Any) -> dict[tuple[tuple[str, ...], int], Answer]:
    """What the obvious evaluator says of each cell in each world."""
    found = {}
    for cell in cells(program):
        for at, world in enumerate(WORLDS):
            said = reference(program, {**cell, "facts": world})
            found[tuple(cell.values()), at] = (
                said["outcome"],
                tuple(said["clauses"]),
                tuple(map(str, said["duties"])),
                tuple(map(str, said["owed"])),
                tuple(said.get("bases", ())),
            )
    return found


def spread(program: Any, region: Any) -> set[tuple[str, ...]]:
    """The cells of a region as an analysis tells it."""
    words = VocabularyWords(program)
    found = set()
    for action in region.action.split(", "):
        question = {"action": action, **{d: list(w) for d, w in region.dimensions.items()}}
        found |= {tuple(cell.values()) for cell in words.cells(question)}
    return found

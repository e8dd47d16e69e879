"""What a policy's author should know: rules that decide nothing, promises, contradictions.

Each rule is taken away in every class in which it speaks. Where that changes no outcome, no duty
and no owed act, the rule is dead, unless silence alone keeps what it promises: that is a guard.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from upheld.policy.analyse import grants
from upheld.policy.analyse.common_classes import (
    CommonClasses,
    NamesByPolicy,
    clause_order,
    example,
)
from upheld.policy.compile import Cell, CompiledPolicy
from upheld.policy.evaluate import depends_on
from upheld.policy.fact_space import Space, tests_of
from upheld.policy.fact_types import plain_facts
from upheld.policy.load import Policy
from upheld.policy.program import Definition, DutyDue
from upheld.policy.read_vocabulary import builtin_bytes, builtin_names
from upheld.policy.regions import Bits, Grid

ORDER = (
    "owed-denied",
    "contradiction",
    "overruled",
    "dead",
    "unreached",
    "consent-unasked",
    "duty-unreached",
    "fact-idle",
    "fact-unused",
    "duty-gained",
    "definition-ends",
    "only-ground",
    "guard",
)
NOTES = ("guard", "only-ground", "fact-unused", "duty-gained", "definition-ends")
LEVEL = {"owed-denied": "error", **dict.fromkeys(NOTES, "note")}
NAMED_MAX = 6  # clauses or facts in a sentence


class ReviewFinding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One finding in a sentence; `level` is error, warning or note."""

    kind: str
    level: str
    clause: str
    line: int
    text: str
    covers: tuple[str, ...] = ()  # the clauses that cover it, contradict it, or that it is about
    question: dict[str, Any] = {}  # an example, where there is one
    facts: dict[str, object] = {}


class Rule(msgspec.Struct):
    """A rule or exception as the author wrote it, and what the analysis has seen of it."""

    clause: str
    line: int
    nodes: list[int]
    bits: int = 0
    matters: bool = False
    reached: bool = False
    guards: bool = False
    gives: bool = False
    allowed_by: set[str] = msgspec.field(default_factory=set)
    denied_by: set[str] = msgspec.field(default_factory=set)
    overruled_by: set[str] = msgspec.field(default_factory=set)


class _Witness(NamedTuple):
    """A class and some of its worlds, for an example."""

    action: NamesByPolicy
    grid: Grid
    state: Bits
    space: Space
    worlds: int


def review(policy: Policy) -> list[ReviewFinding]:
    """Everything worth an author's attention, the gravest first, in the order of the document."""
    return _Review(policy).findings()


class _Review:
    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.common = CommonClasses((policy,))
        self.side: CompiledPolicy = self.common.sides[0]
        self.nodes = policy.program.nodes
        self.rules = self._rules()
        self.rule_of = {n: rule for rule in self.rules for n in rule.nodes}
        self.duties: set[tuple[str, str]] = set()
        self.facts: set[str] = set()
        self.grounds: dict[str, set[str]] = {}
        self.owed: dict[tuple[str, tuple[str, ...]], ReviewFinding] = {}
        self.gained: dict[tuple[str, DutyDue], dict[str, _Witness]] = {}
        self.cells: list[tuple[int, Cell]] = []
        self._walk()
        self._note_overruled()

    def _rules(self) -> list[Rule]:
        rules: dict[tuple[str, int, str], Rule] = {}
        for n, node in enumerate(self.nodes):
            key = (node.clause, node.line, node.verb)
            rule = rules.setdefault(key, Rule(node.clause, node.line, []))
            rule.nodes.append(n)
            rule.bits |= self.side.masks[n][0]
        return list(rules.values())

    def _walk(self) -> None:
        states: set[int] = set()
        for action in self.common.actions:
            grid = self.common.grid(action)
            for state in grid.classes:
                live = self.common.live(state)
                if live[0] not in states:
                    states.add(live[0])
                    cell = self.common.meaning(live)[0]
                    self.cells.append((live[0], cell))
                    self._class(live[0], cell)
                    self._note_denied_acts(action, grid, state, cell)
                    for clause, other, duty, worlds in grants.gained_duties(self.side, cell):
                        witness = _Witness(action, grid, state, cell.space, worlds)
                        self.gained.setdefault((clause, duty), {}).setdefault(other, witness)

    def _class(self, bits: int, cell: Cell) -> None:
        """Learn from one class."""
        space = cell.space
        for duty, worlds in cell.duties.items():
            self.duties.update((c, duty.duty) for c, w in cell.allows.items() if w & worlds)
        tables = [cell.allow, *cell.duties.values(), *cell.owed.values()]
        for at, name in enumerate(space.names):
            if name not in self.facts and any(depends_on(space, table, at) for table in tables):
                self.facts.add(name)
        worlds_by_node = self._worlds_reached(bits, space)
        for rule in {id(r): r for n in worlds_by_node for r in (self.rule_of[n],)}.values():
            here = 0
            for n in rule.nodes:
                here |= worlds_by_node.get(n, 0)
            if here:
                self._speaks(rule, bits, cell, here)
        self._ground(cell, worlds_by_node)

    def _worlds_reached(self, bits: int, space: Space) -> dict[int, int]:
        """For each node, the worlds in which it applies, and those above it up to the top."""
        worlds_by_node: dict[int, int] = {}
        present = {self.side.copies[at][0] for at in range(bits.bit_length()) if bits >> at & 1}
        for n in sorted(present, key=self.side.rank.__getitem__):
            above = 0 if self.nodes[n].parents else space.all
            for parent in self.nodes[n].parents:
                above |= worlds_by_node.get(parent, 0)
            worlds_by_node[n] = above and above & self.side.applies(n, bits, space, {})
        return worlds_by_node

    def _speaks(self, rule: Rule, bits: int, cell: Cell, here: int) -> None:
        rule.reached = True
        rule.gives = rule.gives or any(n in cell.grants for n in rule.nodes)
        rule.allowed_by.update(c for c, w in cell.allows.items() if w & here)
        rule.denied_by.update(c for c, w in cell.denies.items() if w & here)
        if rule.matters:
            return
        without = self.side.meaning(bits & ~rule.bits, cell.space, {})
        if (without.allow, without.duties, without.owed) != (cell.allow, cell.duties, cell.owed):
            rule.matters = True
            return
        silent = cell.space.all & ~without.allow
        for worlds in without.denies.values():
            silent &= ~worlds
        rule.guards = rule.guards or any(w & silent for w in cell.denies.values())

    def _note_overruled(self) -> None:
        """Note which grants that make no difference would, but for a denial elsewhere."""
        for rule in self.rules:
            if rule.matters or self.nodes[rule.nodes[0]].effect != "allow":
                continue
            for bits, cell in self.cells:
                if bits & rule.bits:
                    overruling = grants.overruling(
                        self.side, rule.nodes, bits, cell, decides=rule.gives
                    )
                    rule.overruled_by |= overruling.clauses if overruling else frozenset()

    def _ground(self, cell: Cell, worlds_by_node: dict[int, int]) -> None:
        """Note exceptions that allow where no rule outside of a prohibition does."""
        free = 0
        for n, worlds in cell.grants.items():
            if not self._under_denial(n, worlds_by_node):
                free |= worlds
        for n, worlds in cell.grants.items():
            if worlds & ~free:
                for parent in self.nodes[n].parents:
                    if self.nodes[parent].effect == "deny" and worlds_by_node.get(parent):
                        self.grounds.setdefault(self.nodes[parent].clause, set()).add(
                            self.nodes[n].clause
                        )

    def _under_denial(self, n: int, worlds_by_node: dict[int, int]) -> bool:
        parents = [p for p in self.nodes[n].parents if worlds_by_node.get(p)]
        if not parents:
            return self.nodes[n].effect == "deny"
        return all(
            self.nodes[p].effect == "deny" or self._under_denial(p, worlds_by_node) for p in parents
        )

    def _note_denied_acts(self, action: NamesByPolicy, grid: Grid, state: Bits, cell: Cell) -> None:
        for act, worlds in cell.owed.items():
            denied = 0
            for where in cell.denies.values():
                denied |= where
            if not worlds & denied & ~cell.allow:
                continue
            clash = worlds & denied & ~cell.allow
            by = clause_order(self.policy, (c for c, w in cell.denies.items() if w & clash))
            if (act.clause, by) in self.owed:
                continue
            question, facts, example = self._example(
                _Witness(action, grid, state, cell.space, clash)
            )
            self.owed[act.clause, by] = ReviewFinding(
                kind="owed-denied",
                level="error",
                clause=act.clause,
                line=self._line(act.clause),
                covers=by,
                text=f"#{act.clause} asks for what {clause_list(by)} forbids: {example}",
                question=question,
                facts=facts,
            )

    def _example(self, witness: _Witness) -> tuple[dict[str, Any], dict[str, object], str]:
        """A question of a class and facts of some worlds, as data and in words."""
        action, grid, state, space, worlds = witness
        facts = plain_facts(example(space, worlds))
        request = self.common.request(0, action, [a.name for a in grid.axes], grid.first(state))
        terms = {d: list(words) for d, words in request.dimensions().items()}
        facts_text = ", ".join(f"{name} = {value}".lower() for name, value in facts.items())
        act = " ".join([request.action, *(word for words in terms.values() for word in words)])
        text = act + (f", given {facts_text}" if facts_text else "")
        return {"action": request.action, **terms}, facts, text

    def _line(self, clause: str) -> int:
        return next((c.line for c in self.policy.program.clauses if c.id == clause), 1)

    def findings(self) -> list[ReviewFinding]:
        """All findings, sorted."""
        findings = [
            *self.owed.values(),
            *self._dead(),
            *self._idle(),
            *self._grounds(),
            *self._gained_duties(),
            *self._without_assent(),
            *self._ending(),
        ]
        return sorted(findings, key=lambda f: (ORDER.index(f.kind), f.line, f.clause, f.text))

    def _finding(
        self, kind: str, clause: str, line: int, text: str, covers: Iterable[str] = ()
    ) -> ReviewFinding:
        return ReviewFinding(
            kind=kind,
            level=LEVEL.get(kind, "warning"),
            clause=clause,
            line=line,
            text=text,
            covers=clause_order(self.policy, covers),
        )

    def _dead(self) -> list[ReviewFinding]:
        findings = []
        for rule in self.rules:
            if rule.matters:
                continue
            others = [r for r in self.rules if r.clause == rule.clause and r is not rule]
            alone = all(not r.matters for r in others)
            what = f"#{rule.clause}" if alone else f"a rule of #{rule.clause}"
            kind, text, covers = self._why_dead(rule, what)
            findings.append(self._finding(kind, rule.clause, rule.line, text, covers))
        return list({(f.kind, f.clause, f.text): f for f in reversed(findings)}.values())

    def _why_dead(self, rule: Rule, what: str) -> tuple[str, str, set[str]]:
        effect = self.nodes[rule.nodes[0]].effect
        parents = {self.nodes[p].clause for n in rule.nodes for p in self.nodes[n].parents}
        if not rule.reached:
            if parents:
                above = clause_list(clause_order(self.policy, parents))
                text = f"{what} reaches nothing: it never applies where {above} does"
                return "unreached", text, parents
            return "unreached", f"{what} never applies: its condition never holds", set()
        if rule.guards:
            text = f"{what} is a promise that silence keeps anyway: no other clause allows it"
            return "guard", text, set()
        if rule.overruled_by:
            return self._why_overruled(rule, what)
        allowing, denying = (s - {rule.clause} for s in (rule.allowed_by, rule.denied_by))
        covers = {"allow": allowing, "deny": denying}.get(effect, allowing | denying)
        covers = covers or allowing | denying
        by = clause_list(clause_order(self.policy, covers)) or "other rules of the clause"
        verb = {"allow": "allows", "deny": "denies"}.get(effect, "lifts")
        verdict = {"allow": "allow", "deny": "deny"}.get(effect, "decide")
        text = (
            f"{what} can never decide: it {verb} nothing that {by} would not {verdict} without it"
        )
        return "dead", text, covers

    def _why_overruled(self, rule: Rule, what: str) -> tuple[str, str, set[str]]:
        """A grant that a denial elsewhere stops, or that says the opposite of one."""
        clauses = rule.overruled_by
        by = clause_list(clause_order(self.policy, clauses - {rule.clause}))
        by = by or "another rule of the clause"
        hint = "narrow one of them, or write the grant as an exception to the denial"
        if not rule.gives and grants.contradicts(self.side, rule.nodes, frozenset(clauses)):
            return "contradiction", f"{what} allows just what {by} denies; take one out", clauses
        if rule.gives:
            text = f"{what} decides nothing: what it alone would allow, {by} overrules; {hint}"
            return "overruled", text, clauses
        return "overruled", f"{what} allows nothing: {by} overrules all of it; {hint}", clauses

    def _gained_duties(self) -> list[ReviewFinding]:
        """Grants whose acts carry a duty of another clause's grant."""
        together: dict[tuple[str, tuple[str, ...]], list[tuple[DutyDue, _Witness]]] = {}
        for (clause, duty), others in self.gained.items():
            by = clause_order(self.policy, others)
            together.setdefault((clause, by), []).append((duty, others[by[0]]))
        findings = []
        for (clause, by), duties in together.items():
            names = " and ".join(f"`{_duty(duty)}`" for duty, _ in sorted(duties))
            question, facts, example = self._example(min(duties)[1])
            allow = "allows" if len(by) == 1 else "allow"
            findings.append(
                msgspec.structs.replace(
                    self._finding(
                        "duty-gained",
                        clause,
                        self._line(clause),
                        f"acts that #{clause} allows must be done with {names} too where"
                        f" {clause_list(by)} {allow} them: {example};"
                        f" name the duty in #{clause}, or narrow one of them",
                        by,
                    ),
                    question=question,
                    facts=facts,
                )
            )
        return findings

    def _without_assent(self) -> list[ReviewFinding]:
        """Rules that rest on consent and ask for none."""
        return [
            self._finding(
                "consent-unasked",
                node.clause,
                node.line,
                f"#{node.clause} rests on consent, but its condition asks for nothing that a"
                " person gives; add `when permission`, say, or name another basis",
            )
            for node in grants.without_assent(self.policy.program)
        ]

    def _ending(self) -> list[ReviewFinding]:
        """Grants that hold no longer than the condition of a definition."""
        definitions = self.policy.program.definitions
        return [
            self._finding(
                "definition-ends",
                node.clause,
                node.line,
                f"what #{node.clause} allows of `{term}` ends where the condition of its"
                f" definition in #{definitions[term].clause} does",
                (definitions[term].clause,),
            )
            for node, term in grants.ends_with_definition(self.policy.program)
        ]

    def _idle(self) -> list[ReviewFinding]:
        findings = []
        for node in self.nodes:
            for duty in node.duties:
                if (node.clause, duty.duty) not in self.duties:
                    text = f"the duty `{duty.duty}` of #{node.clause} is never reached"
                    findings.append(self._finding("duty-unreached", node.clause, node.line, text))
        clauses_by_fact: dict[str, list[str]] = {}
        definitions: Iterable[Definition] = self.policy.program.definitions.values()
        for n, _, copy in self.side.copies:
            for test in tests_of(copy.condition):
                clauses_by_fact.setdefault(test.fact, []).append(self.nodes[n].clause)
        for each in definitions:
            for test in tests_of(each.condition):
                clauses_by_fact.setdefault(test.fact, []).append(each.clause)
        for fact, clauses in clauses_by_fact.items():
            if fact not in self.facts:
                names = clause_order(self.policy, clauses)
                text = (
                    f"the fact `{fact}` decides nothing, although {clause_list(names)} asks for it"
                )
                line = self._line(names[0])
                findings.append(self._finding("fact-idle", names[0], line, text, names))
        findings += self._unused(clauses_by_fact.keys())
        return list({(f.kind, f.clause, f.text): f for f in findings}.values())

    def _unused(self, fact_names: Iterable[str]) -> list[ReviewFinding]:
        words = self.policy.program.vocabulary
        common = "".join(filter(None, (_shipped(name) for name in builtin_names())))
        common = common if any(source in common for source in words.sources) else ""
        facts = {n: f for n, f in words.facts.items() if f"\n{n} = {{" not in common}
        formulas = " ".join(fact.formula for fact in words.facts.values()).split()
        derived = {name for name, fact in facts.items() if fact.derived}
        unused = [name for name in facts if name not in {*fact_names, *derived, *formulas}]
        if not unused:
            return []
        more = f" and {len(unused) - NAMED_MAX} more" if len(unused) > NAMED_MAX else ""
        names = ", ".join(f"`{name}`" for name in unused[:NAMED_MAX])
        return [self._finding("fact-unused", "", 1, f"no rule asks for {names}{more}")]

    def _grounds(self) -> list[ReviewFinding]:
        return [
            self._finding(
                "only-ground",
                clause,
                self._line(clause),
                f"what {clause_list(clause_order(self.policy, others))} allows rests on being"
                f" an exception to #{clause} alone; to lift the prohibition and leave"
                " the rest to other clauses, write `except` without `may`",
                others,
            )
            for clause, others in self.grounds.items()
        ]


def _duty(duty: DutyDue) -> str:
    return " ".join(filter(None, (duty.duty, duty.amount, duty.unit)))


def _shipped(name: str) -> str:
    return (builtin_bytes(name) or b"").decode()


def clause_list(clauses: Iterable[str]) -> str:
    """Clauses in a sentence."""
    names = [f"#{clause}" for clause in clauses]
    if len(names) > NAMED_MAX:
        names = [*names[:NAMED_MAX], f"{len(names) - NAMED_MAX} more"]
    return " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)

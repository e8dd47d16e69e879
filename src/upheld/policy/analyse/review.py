"""What a policy's author should know: rules that decide nothing, promises, contradictions.

Each rule is taken away in every class in which it speaks. Where that changes no outcome, no duty
and no owed act, the rule is dead, unless silence alone keeps what it promises: that is a guard.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from upheld.policy.analyse import grants
from upheld.policy.analyse.joint import Joint, Names, clause_order, example, shown
from upheld.policy.compile import Cell, CompiledPolicy
from upheld.policy.evaluate import depends_on
from upheld.policy.fact_space import Space, tests_of
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


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
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

    action: Names
    grid: Grid
    state: Bits
    space: Space
    worlds: int


def review(policy: Policy) -> list[Finding]:
    """Everything worth an author's attention, the gravest first, in the order of the document."""
    return _Review(policy).findings()


class _Review:
    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.joint = Joint((policy,))
        self.side: CompiledPolicy = self.joint.sides[0]
        self.nodes = policy.program.nodes
        self.rules = self._rules()
        self.rule_of = {n: rule for rule in self.rules for n in rule.nodes}
        self.duties: set[tuple[str, str]] = set()
        self.facts: set[str] = set()
        self.grounds: dict[str, set[str]] = {}
        self.owed: dict[tuple[str, tuple[str, ...]], Finding] = {}
        self.gained: dict[tuple[str, DutyDue], dict[str, _Witness]] = {}
        self.seen: list[tuple[int, Cell]] = []
        self._walk()
        self._overruled()

    def _rules(self) -> list[Rule]:
        found: dict[tuple[str, int, str], Rule] = {}
        for n, node in enumerate(self.nodes):
            key = (node.clause, node.line, node.verb)
            rule = found.setdefault(key, Rule(node.clause, node.line, []))
            rule.nodes.append(n)
            rule.bits |= self.side.masks[n][0]
        return list(found.values())

    def _walk(self) -> None:
        seen: set[int] = set()
        for action in self.joint.actions:
            grid = self.joint.grid(action)
            for state in grid.classes:
                live = self.joint.live(state)
                if live[0] not in seen:
                    seen.add(live[0])
                    cell = self.joint.meaning(live)[0]
                    self.seen.append((live[0], cell))
                    self._class(live[0], cell)
                    self._owed(action, grid, state, cell)
                    for clause, other, duty, worlds in grants.gained(self.side, cell):
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
        reached = self._reached(bits, space)
        for rule in {id(r): r for n in reached for r in (self.rule_of[n],)}.values():
            here = 0
            for n in rule.nodes:
                here |= reached.get(n, 0)
            if here:
                self._speaks(rule, bits, cell, here)
        self._ground(cell, reached)

    def _reached(self, bits: int, space: Space) -> dict[int, int]:
        """For each node, the worlds in which it applies, and those above it up to the top."""
        found: dict[int, int] = {}
        present = {self.side.copies[at][0] for at in range(bits.bit_length()) if bits >> at & 1}
        for n in sorted(present, key=self.side.rank.__getitem__):
            above = 0 if self.nodes[n].parents else space.all
            for parent in self.nodes[n].parents:
                above |= found.get(parent, 0)
            found[n] = above and above & self.side.applies(n, bits, space, {})
        return found

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

    def _overruled(self) -> None:
        """Note which grants that make no difference would, but for a denial elsewhere."""
        for rule in self.rules:
            if rule.matters or self.nodes[rule.nodes[0]].effect != "allow":
                continue
            for bits, cell in self.seen:
                if bits & rule.bits:
                    found = grants.stopped(self.side, rule.nodes, bits, cell, decides=rule.gives)
                    rule.overruled_by |= found.clauses if found else frozenset()

    def _ground(self, cell: Cell, reached: dict[int, int]) -> None:
        """Note exceptions that allow where no rule outside of a prohibition does."""
        free = 0
        for n, worlds in cell.grants.items():
            if not self._under_denial(n, reached):
                free |= worlds
        for n, worlds in cell.grants.items():
            if worlds & ~free:
                for parent in self.nodes[n].parents:
                    if self.nodes[parent].effect == "deny" and reached.get(parent):
                        self.grounds.setdefault(self.nodes[parent].clause, set()).add(
                            self.nodes[n].clause
                        )

    def _under_denial(self, n: int, reached: dict[int, int]) -> bool:
        parents = [p for p in self.nodes[n].parents if reached.get(p)]
        if not parents:
            return self.nodes[n].effect == "deny"
        return all(
            self.nodes[p].effect == "deny" or self._under_denial(p, reached) for p in parents
        )

    def _owed(self, action: Names, grid: Grid, state: Bits, cell: Cell) -> None:
        for owed, worlds in cell.owed.items():
            denied = 0
            for where in cell.denies.values():
                denied |= where
            if not worlds & denied & ~cell.allow:
                continue
            clash = worlds & denied & ~cell.allow
            by = clause_order(self.policy, (c for c, w in cell.denies.items() if w & clash))
            if (owed.clause, by) in self.owed:
                continue
            question, facts, told = self._example(_Witness(action, grid, state, cell.space, clash))
            self.owed[owed.clause, by] = Finding(
                kind="owed-denied",
                level="error",
                clause=owed.clause,
                line=self._line(owed.clause),
                covers=by,
                text=f"#{owed.clause} asks for what {named(by)} forbids: {told}",
                question=question,
                facts=facts,
            )

    def _example(self, witness: _Witness) -> tuple[dict[str, Any], dict[str, object], str]:
        """A question of a class and facts of some worlds, as data and in words."""
        action, grid, state, space, worlds = witness
        facts = shown(example(space, worlds))
        request = self.joint.request(0, action, [a.name for a in grid.axes], grid.first(state))
        said = {d: list(words) for d, words in request.dimensions().items()}
        given = ", ".join(f"{name} = {value}".lower() for name, value in facts.items())
        act = " ".join([request.action, *(word for words in said.values() for word in words)])
        told = act + (f", given {given}" if given else "")
        return {"action": request.action, **said}, facts, told

    def _line(self, clause: str) -> int:
        return next((c.line for c in self.policy.program.clauses if c.id == clause), 1)

    def findings(self) -> list[Finding]:
        """All findings, sorted."""
        found = [
            *self.owed.values(),
            *self._dead(),
            *self._idle(),
            *self._grounds(),
            *self._gained(),
            *self._unasked(),
            *self._ending(),
        ]
        return sorted(found, key=lambda f: (ORDER.index(f.kind), f.line, f.clause, f.text))

    def _finding(
        self, kind: str, clause: str, line: int, text: str, covers: Iterable[str] = ()
    ) -> Finding:
        return Finding(
            kind=kind,
            level=LEVEL.get(kind, "warning"),
            clause=clause,
            line=line,
            text=text,
            covers=clause_order(self.policy, covers),
        )

    def _dead(self) -> list[Finding]:
        found = []
        for rule in self.rules:
            if rule.matters:
                continue
            others = [r for r in self.rules if r.clause == rule.clause and r is not rule]
            alone = all(not r.matters for r in others)
            what = f"#{rule.clause}" if alone else f"a rule of #{rule.clause}"
            kind, text, covers = self._why_dead(rule, what)
            found.append(self._finding(kind, rule.clause, rule.line, text, covers))
        return list({(f.kind, f.clause, f.text): f for f in reversed(found)}.values())

    def _why_dead(self, rule: Rule, what: str) -> tuple[str, str, set[str]]:
        effect = self.nodes[rule.nodes[0]].effect
        parents = {self.nodes[p].clause for n in rule.nodes for p in self.nodes[n].parents}
        if not rule.reached:
            if parents:
                above = named(clause_order(self.policy, parents))
                text = f"{what} reaches nothing: it never applies where {above} does"
                return "unreached", text, parents
            return "unreached", f"{what} never applies: its condition never holds", set()
        if rule.guards:
            text = f"{what} is a promise that silence keeps anyway: no other clause allows it"
            return "guard", text, set()
        if rule.overruled_by:
            return self._why_overruled(rule, what)
        allowed, denied = (s - {rule.clause} for s in (rule.allowed_by, rule.denied_by))
        covers = {"allow": allowed, "deny": denied}.get(effect, allowed | denied)
        covers = covers or allowed | denied
        by = named(clause_order(self.policy, covers)) or "other rules of the clause"
        verb = {"allow": "allows", "deny": "denies"}.get(effect, "lifts")
        done = {"allow": "allow", "deny": "deny"}.get(effect, "decide")
        text = f"{what} can never decide: it {verb} nothing that {by} would not {done} without it"
        return "dead", text, covers

    def _why_overruled(self, rule: Rule, what: str) -> tuple[str, str, set[str]]:
        """A grant that a denial elsewhere stops, or that says the opposite of one."""
        denied = rule.overruled_by
        by = named(clause_order(self.policy, denied - {rule.clause}))
        by = by or "another rule of the clause"
        hint = "narrow one of them, or write the grant as an exception to the denial"
        if not rule.gives and grants.contradicts(self.side, rule.nodes, frozenset(denied)):
            return "contradiction", f"{what} allows just what {by} denies; take one out", denied
        if rule.gives:
            text = f"{what} decides nothing: what it alone would allow, {by} overrules; {hint}"
            return "overruled", text, denied
        return "overruled", f"{what} allows nothing: {by} overrules all of it; {hint}", denied

    def _gained(self) -> list[Finding]:
        """Grants whose acts carry a duty of another clause's grant."""
        together: dict[tuple[str, tuple[str, ...]], list[tuple[DutyDue, _Witness]]] = {}
        for (clause, duty), others in self.gained.items():
            by = clause_order(self.policy, others)
            together.setdefault((clause, by), []).append((duty, others[by[0]]))
        found = []
        for (clause, by), duties in together.items():
            names = " and ".join(f"`{_duty(duty)}`" for duty, _ in sorted(duties))
            question, facts, told = self._example(min(duties)[1])
            allow = "allows" if len(by) == 1 else "allow"
            found.append(
                msgspec.structs.replace(
                    self._finding(
                        "duty-gained",
                        clause,
                        self._line(clause),
                        f"acts that #{clause} allows must be done with {names} too where"
                        f" {named(by)} {allow} them: {told}; name the duty in #{clause}, or"
                        " narrow one of them",
                        by,
                    ),
                    question=question,
                    facts=facts,
                )
            )
        return found

    def _unasked(self) -> list[Finding]:
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

    def _ending(self) -> list[Finding]:
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

    def _idle(self) -> list[Finding]:
        found = []
        for node in self.nodes:
            for duty in node.duties:
                if (node.clause, duty.duty) not in self.duties:
                    text = f"the duty `{duty.duty}` of #{node.clause} is never reached"
                    found.append(self._finding("duty-unreached", node.clause, node.line, text))
        used: dict[str, list[str]] = {}
        defined: Iterable[Definition] = self.policy.program.definitions.values()
        for n, _, copy in self.side.copies:
            for test in tests_of(copy.condition):
                used.setdefault(test.fact, []).append(self.nodes[n].clause)
        for each in defined:
            for test in tests_of(each.condition):
                used.setdefault(test.fact, []).append(each.clause)
        for fact, clauses in used.items():
            if fact not in self.facts:
                names = clause_order(self.policy, clauses)
                text = f"the fact `{fact}` decides nothing, although {named(names)} asks for it"
                line = self._line(names[0])
                found.append(self._finding("fact-idle", names[0], line, text, names))
        found += self._unused(used.keys())
        return list({(f.kind, f.clause, f.text): f for f in found}.values())

    def _unused(self, used: Iterable[str]) -> list[Finding]:
        words = self.policy.program.vocabulary
        common = "".join(filter(None, (_shipped(name) for name in builtin_names())))
        common = common if any(source in common for source in words.sources) else ""
        facts = {n: f for n, f in words.facts.items() if f"\n{n} = {{" not in common}
        formulas = " ".join(fact.formula for fact in words.facts.values()).split()
        derived = {name for name, fact in facts.items() if fact.kind == "derived"}
        unused = [name for name in facts if name not in {*used, *derived, *formulas}]
        if not unused:
            return []
        more = f" and {len(unused) - NAMED_MAX} more" if len(unused) > NAMED_MAX else ""
        listed = ", ".join(f"`{name}`" for name in unused[:NAMED_MAX])
        return [self._finding("fact-unused", "", 1, f"no rule asks for {listed}{more}")]

    def _grounds(self) -> list[Finding]:
        return [
            self._finding(
                "only-ground",
                clause,
                self._line(clause),
                f"what {named(clause_order(self.policy, others))} allows rests on being"
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


def named(clauses: Iterable[str]) -> str:
    """Clauses in a sentence."""
    found = [f"#{clause}" for clause in clauses]
    if len(found) > NAMED_MAX:
        found = [*found[:NAMED_MAX], f"{len(found) - NAMED_MAX} more"]
    return " and ".join([", ".join(found[:-1]), found[-1]] if found[1:] else found)

"""Random vocabularies, policies and questions, as the texts that people write.

A seed goes in and a `Case` comes out: a vocabulary as TOML, a policy as Markdown in parts that
laws can shuffle and add to, and as many questions as wanted, half of them drawn inside the scope
of some rule. Everything is small, so that trying each cell in each world takes milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from laws.wordlists import BASES, DUTIES, FACTS, GIVEN, NUMBERS, POOLS, TREE, WORD, WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass
class Words:
    """A vocabulary: trees as word to parent, what actions take, which facts there are."""

    trees: dict[str, dict[str, str]]
    takes: dict[str, tuple[str, ...]]
    facts: list[str]
    derived: dict[str, str]
    per: dict[str, tuple[str, ...]]
    defined: dict[str, str] = field(default_factory=dict)  # defined term to its tree

    def children(self, tree: str, word: str) -> list[str]:
        """List the words right under a word; under none, the top ones."""
        return [each for each, parent in self.trees[tree].items() if parent == word]

    def below(self, tree: str, word: str) -> list[str]:
        """List a word, all under it and the unnamed rest of each, as questions name them."""
        children = self.children(tree, word)
        deeper = [each for child in children for each in self.below(tree, child)]
        return [word, *deeper, f"{word}/other"] if children else [word]

    def leaves(self, action: str) -> list[str]:
        """List the leaves of an action as a rule or a question means them."""
        return [each for each in self.below("action", action) if not self.children("action", each)]

    def dimensions(self, actions: Iterable[str]) -> list[str]:
        """List the dimensions that all of these actions take, with all under them."""
        taken = [set(self.takes[leaf]) for each in actions for leaf in self.leaves(each)]
        return [each for each in TREE if all(each in one for one in taken)]

    def toml(self) -> str:
        """Write the vocabulary down."""
        lines = ["extends = false"]
        for tree, words in self.trees.items():
            lines.append(f"[{tree}]")
            for word in words:
                path = [word]
                while parent := words[path[0]]:
                    path.insert(0, parent)
                takes = ", ".join(f'"{each}"' for each in self.takes.get(word, ()))
                lines.append(".".join(path) + f'.label = "{word}"')
                if tree == "action":
                    lines.append(".".join(path) + f".takes = [{takes}]")
        lines.append("[fact]")
        for fact in self.facts:
            per = ", ".join(f'"{each}"' for each in self.per.get(fact, ()))
            lines.append(f"{fact} = {{{FACTS[fact].replace('PER', per)}}}")
        lines += [f'{fact} = {{is = "{formula}"}}' for fact, formula in self.derived.items()]
        lines += ["[duty]", *(f"{duty} = {{}}" for duty in DUTIES)]
        lines += ["[basis]", *(f"{basis} = {{}}" for basis in BASES)]
        return "\n".join(lines) + "\n"


@dataclass
class Scope:
    """What a rule is about, kept for its exceptions and for questions inside it."""

    actions: list[str]
    terms: dict[str, list[str]]  # dimension to words; `any` is left out


@dataclass
class Clause:
    """A clause: an id, blocks of statements, and the items of a list that it introduces."""

    id: str
    mark: str = ""
    blocks: list[list[str]] = field(default_factory=list)  # a statement is a rule with exceptions
    items: list[Clause] = field(default_factory=list)

    def lines(self, indent: str = "") -> list[str]:
        """Write the clause down, its list under it."""
        bullet = indent[:-2] + "- " if indent else ""
        found = [f"{bullet}What {self.id} says. {{#{self.id}{self.mark}}}", ""]
        for block in self.blocks:
            body = "\n".join(block).splitlines()
            found += [*(indent + line for line in ("```rule", *body, "```")), ""]
        for item in self.items:
            found += item.lines(indent + "  ")
        return found

    def shuffled(self, random: Random) -> Clause:
        """Put blocks, rules in blocks, and items of lists in another order."""
        blocks = [random.sample(block, len(block)) for block in self.blocks]
        items = [item.shuffled(random) for item in self.items]
        return Clause(
            self.id, self.mark, random.sample(blocks, len(blocks)), random.sample(items, len(items))
        )


@dataclass
class Case:
    """A vocabulary and a policy; `text` is the policy as a file."""

    random: Random
    words: Words
    clauses: list[Clause]
    scopes: list[Scope]

    @property
    def vocabulary(self) -> str:
        """The vocabulary as TOML."""
        return self.words.toml()

    @property
    def text(self) -> str:
        """The policy as Markdown."""
        return document(self.clauses)

    def shuffled(self) -> str:
        """Write the same policy down in another order."""
        clauses = [clause.shuffled(self.random) for clause in self.clauses]
        return document(self.random.sample(clauses, len(clauses)))

    def with_more(self, verb: str) -> str:
        """Write the policy down with one more top-level rule in a clause of its own."""
        rule, _ = _Writer(self.random, self.words).rule(verb)
        return document([*self.clauses, Clause("further", blocks=[[rule]])])

    def question(self) -> dict[str, Any]:
        """Draw a question, half of the time inside the scope of some rule."""
        return _Asker(self.random, self.words).question(
            self.random.choice(self.scopes) if self.random.random() < 0.5 else None
        )

    def facts(self, question: dict[str, Any]) -> dict[str, Any]:
        """Draw facts for a question."""
        return _Asker(self.random, self.words).facts(question)

    def blocks(self) -> list[str]:
        """List the text of every rule block."""
        found, stack = [], list(self.clauses)
        while stack:
            clause = stack.pop()
            found += ["\n".join(block) for block in clause.blocks]
            stack += clause.items
        return found


def document(clauses: list[Clause]) -> str:
    """Write clauses down as a policy file."""
    lines = ["---", "policy: Generated", "---", "", "# Generated {.note}", ""]
    for clause in clauses:
        lines += clause.lines()
    return "\n".join(lines) + "\n"


def case(seed: int) -> Case:
    """Make the vocabulary and the policy of a seed."""
    random = Random(seed)  # noqa: S311 - a test repeats itself
    words = _words(random)
    return _Writer(random, words).case()


def cases() -> st.SearchStrategy[Case]:
    """Draw cases with Hypothesis, which then reports the seed of one that fails."""
    return st.integers(min_value=0, max_value=2**32).map(case)


def _tree(random: Random, pool: tuple[str, ...], size: int) -> dict[str, str]:
    """Put some words into a tree of at most three levels."""
    words: dict[str, str] = {}
    for word in random.sample(pool, min(size, len(pool))):
        shallow = [each for each, up in words.items() if not up or not words[up]]
        words[word] = random.choice(["", "", *shallow])
    return words


def _words(random: Random) -> Words:
    trees = {tree: _tree(random, pool, random.randint(2, 4)) for tree, pool in POOLS.items()}
    if random.random() < 0.8 and "provider" not in trees["party"]:
        trees["party"]["provider"] = ""
    group = tuple(random.sample(list(TREE), random.randint(1, 3)))
    takes = {
        "disclose": group,
        "share": group,
        "sell": (*group, next(each for each in TREE if each not in group)),
        "serve": tuple(random.sample(list(TREE), random.randint(0, 1))),
        "keep": tuple(random.sample(list(TREE), random.randint(1, 2))),
    }
    takes["disclose/other"] = takes["disclose"]
    trees = {"action": {"disclose": "", "share": "disclose", "serve": "", "keep": ""}, **trees}
    if random.random() < 0.6:
        trees["action"]["sell"] = "disclose"
    facts = random.sample(list(FACTS), random.choice([1, 2, 2, 3, 4, 6]))
    if random.random() < 0.4:
        facts = list(dict.fromkeys(["permission", *facts]))
    pool = random.choice([sorted(set(group) | set(takes["keep"])), list(TREE)])
    per = {
        fact: tuple(random.sample(pool, random.randint(1, min(2, len(pool)))))
        for fact in ("permission", "refusal")
    }
    words = Words(trees, takes, facts, {}, per)
    for name in random.sample(["fit", "fine"], random.randint(0, 2)):
        words.derived[name] = _formula(random, words, 1)
    return words


def _formula(random: Random, words: Words, depth: int) -> str:
    """Write a formula over facts."""
    if depth and random.random() < 0.45:
        transaction = random.choice([" and ", " or "])
        parts = [_formula(random, words, depth - 1) for _ in range(random.randint(2, 3))]
        return transaction.join(f"({p})" if " and " in p or " or " in p else p for p in parts)
    if random.random() < 0.25:
        return f"not ({_formula(random, words, depth - 1 if depth else 0)})"
    fact = random.choice([*words.facts, *words.derived])
    if fact in NUMBERS:
        return f"{fact} {random.choice(['<', '<=', '=', '>=', '>'])} {random.choice(NUMBERS[fact])}"
    return f"{fact} is {random.choice(WORDS[fact])}" if fact in WORDS else fact


class _Writer:
    """Writes a policy."""

    def __init__(self, random: Random, words: Words) -> None:
        self.random = random
        self.words = words
        self.scopes: list[Scope] = []
        self.named: list[tuple[Clause, list[Scope]]] = []  # clauses that `#id` can name

    def chance(self, share: float) -> bool:
        """Toss a coin."""
        return self.random.random() < share

    def case(self) -> Case:
        """Write a policy of a few clauses, some with a list of exceptions."""
        clauses = []
        if self.chance(0.5):
            clauses.append(Clause("words", blocks=[self.definitions()]))
        for number in range(self.random.randint(1, 5)):
            clause, scopes = self.clause(f"c{number}")
            clauses.append(clause)
            if self.chance(0.5):
                self.excepted(clause, scopes, 0)
        if self.chance(0.25):
            clauses.append(self.opposed())
        count = self.random.choice([0, 0, 1, 1, 2])
        clauses += [self.elsewhere(f"e{number}") for number in range(count)]
        self.random.shuffle(clauses)
        return Case(self.random, self.words, clauses, self.scopes)

    def definitions(self) -> list[str]:
        """Write one or two definitions; words that they define can be used from then on."""
        found = []
        for name in self.random.sample(["friends", "things", "goals"], self.random.randint(1, 2)):
            tree = {"friends": "party", "things": "data", "goals": "purpose"}[name]
            pool = list(self.words.trees[tree])
            terms = self.random.sample(pool, self.random.randint(1, min(2, len(pool))))
            if self.chance(0.15):
                terms.append("other")
            found.append(f"define {name} as {', '.join(terms)}{self.when(0.5)}")
            self.words.defined[name] = tree
        return found

    def clause(self, name: str) -> tuple[Clause, list[Scope]]:
        """Write a clause with one to three rules in one or two blocks."""
        clause = Clause(name, " .severed" if self.chance(0.08) else "")
        scopes = []
        for _ in range(self.random.choice([1, 1, 2])):
            block = []
            for _ in range(self.random.choice([1, 1, 1, 2])):
                text, scope = self.rule()
                block.append(text)
                scopes.append(scope)
            clause.blocks.append(block)
        self.named.append((clause, scopes))
        return clause, scopes

    def opposed(self) -> Clause:
        """Write two rules that never hold together, for two words that can be asked of at once."""
        action = self.random.choice(list(self.words.trees["action"]))
        dimension = self.random.choice(self.words.dimensions([action]) or [""])
        formula = _formula(self.random, self.words, 1)
        if not dimension:
            return Clause("pair", blocks=[[f"may {action} when {formula}"]])
        pair = self.random.sample(list(self.words.trees[TREE[dimension]]), 2)
        self.scopes += [Scope([action], {dimension: pair})] * 2
        says = [f"{WORD[dimension]} {word}" if dimension in WORD else word for word in pair]
        first, second = f"when {formula}", f"unless {formula}"
        return Clause(
            "pair", blocks=[[f"may {action} {says[0]} {first}", f"may {action} {says[1]} {second}"]]
        )

    def excepted(self, clause: Clause, scopes: list[Scope], depth: int) -> None:
        """Put a list of exceptions (now and then a rule) under a clause."""
        for number in range(self.random.randint(1, 2)):
            item = Clause(f"{clause.id}-{number}", " .severed" if self.chance(0.06) else "")
            clause.items.append(item)
            if self.chance(0.15):
                text, scope = self.rule()
                item.blocks.append([text])
            else:
                text, scope = self.exception(scopes)
                item.blocks.append([text])
            self.named.append((item, [scope]))
            if depth == 0 and self.chance(0.35):
                self.excepted(item, [scope], 1)

    def elsewhere(self, name: str) -> Clause:
        """Write a clause that excepts from clauses by their ids."""
        chosen = self.random.sample(self.named, min(self.random.choice([1, 1, 2]), len(self.named)))
        ids = " " + ", ".join(f"#{clause.id}" for clause, _ in chosen)
        text, scope = self.exception([each for _, scopes in chosen for each in scopes], ids)
        clause = Clause(name, " .severed" if self.chance(0.06) else "", [[text]])
        self.named.append((clause, [scope]))
        return clause

    def rule(self, verb: str = "") -> tuple[str, Scope]:
        """Write a rule, perhaps with exceptions after it; with a verb given, without."""
        plain = bool(verb)
        verb = verb or self.random.choice(["may", "may", "may", "may not", "may not", "must"])
        pool = [*self.words.trees["action"]]
        actions = self.random.sample(pool, self.random.choice([1, 1, 1, 2]))
        scope = Scope(actions, {})
        parts = [verb, ", ".join(actions), *self.narrowed(scope, [])]
        self.scopes.append(scope)
        text = " ".join(parts) + self.tail(verb)
        while not plain and self.chance(0.25):
            text += "\n  " + self.exception([scope])[0]
        return text, scope

    def exception(self, parents: list[Scope], ids: str = "") -> tuple[str, Scope]:
        """Write an exception inside one of the scopes that it belongs to, mostly."""
        verb = self.random.choice(["may", "may", "may not", "may not", "must", "", ""])
        parent = self.random.choice(parents)
        parts = ["except" + ids, verb] if verb else ["except" + ids]
        actions: list[str] = []
        if self.chance(0.25):
            inside = [leaf for each in parent.actions for leaf in self.words.below("action", each)]
            actions = [self.random.choice([e for e in inside if "/" not in e])]
            parts.append(actions[0])
        scope = Scope(actions or parent.actions, dict(parent.terms))
        narrowed = self.narrowed(scope, parents)
        parts += narrowed
        tail = self.tail(verb)
        if not verb and not actions and not narrowed and not tail:
            tail = f" when {_formula(self.random, self.words, 1)}"
        self.scopes.append(scope)
        return " ".join(parts) + tail, scope

    def narrowed(self, scope: Scope, parents: list[Scope]) -> list[str]:
        """Draw terms for some dimensions into a scope and say them, data first."""
        found = []
        for dimension in self.words.dimensions(scope.actions):
            if self.chance(0.5):
                continue
            inside = [each for parent in parents for each in parent.terms.get(dimension, [])]
            said = self.terms(dimension, inside)
            named = [] if said.startswith("any") else said.split(", ")
            if named or not inside:
                scope.terms[dimension] = named
            found.append(f"{WORD[dimension]} {said}" if dimension in WORD else said)
        return found

    def terms(self, dimension: str, inside: list[str]) -> str:
        """Say some terms of a dimension, mostly inside those of the scope around."""
        tree = TREE[dimension]
        pool = [*self.words.trees[tree], *(n for n, t in self.words.defined.items() if t == tree)]
        if self.chance(0.1):
            return "any"
        if self.chance(0.15):
            return f"any but {', '.join(self.random.sample(pool, 1))}"
        if inside and self.chance(0.85):
            known = self.words.trees[tree]
            pool = [
                each
                for word in inside
                for each in ([word] if word not in known else self.words.below(tree, word))
                if "/" not in each
            ]
            pool = list(dict.fromkeys(pool))
        elif self.chance(0.1):
            return "other"
        return ", ".join(self.random.sample(pool, min(len(pool), self.random.choice([1, 1, 2]))))

    def when(self, share: float) -> str:
        """Say a condition, or nothing."""
        word = self.random.choice(["when", "when", "unless"])
        return f" {word} {_formula(self.random, self.words, 2)}" if self.chance(share) else ""

    def tail(self, verb: str) -> str:
        """Say a condition, a time and duties, each perhaps, in any order."""
        parts = [self.when(0.55)]
        if verb == "must" and self.chance(0.6):
            parts.append(
                " within " + self.random.choice(["30 days", "36 hours", "1.5 years", "1 year"])
            )
        if verb in ("may", "must") and self.chance(0.35):
            duties = self.random.sample(DUTIES, self.random.choice([1, 1, 2]))
            numbers = ["", "", " 10", " 2.5", " 3 days", " 1 day", " 1 months"]
            said = [duty + self.random.choice(numbers) for duty in duties]
            parts.append(" with " + ", ".join(said))
        if verb in ("may", "must") and self.chance(0.35):
            bases = self.random.sample(BASES, self.random.choice([1, 1, 2]))
            parts.append(" because " + ", ".join(bases))
        self.random.shuffle(parts)
        return "".join(parts)


class _Asker:
    """Asks questions."""

    def __init__(self, random: Random, words: Words) -> None:
        self.random = random
        self.words = words

    def question(self, scope: Scope | None) -> dict[str, Any]:
        """Draw a question, inside a scope if one is given."""
        pool = scope.actions if scope else list(self.words.trees["action"])
        below = self.words.below("action", self.random.choice(pool))
        question: dict[str, Any] = {"action": self.random.choice(below)}
        for dimension in self.words.dimensions([question["action"]]):
            if self.random.random() < 0.7:
                inside = scope.terms.get(dimension, []) if scope else []
                question[dimension] = self.terms(dimension, inside)
        facts = self.facts(question)
        return question | {"facts": facts} if facts or self.random.random() < 0.5 else question

    def facts(self, question: dict[str, Any]) -> dict[str, Any]:
        """Draw facts for a question, some of them in parts."""
        return {
            fact: self.value(fact, question)
            for fact in self.words.facts
            if self.random.random() < (0.45 if fact not in self.words.per else 0.7)
        }

    def terms(self, dimension: str, inside: list[str]) -> str | list[str]:
        """Name one leaf or word, or a list of them."""
        tree = TREE[dimension]
        known = self.words.trees[tree]
        inside = [word for word in inside if word != "other"]
        pool = [
            each
            for word in inside or known
            for each in (self.words.below(tree, word) if word in known else [word])
        ]
        if not inside:
            pool += ["other", *(name for name, t in self.words.defined.items() if t == tree)]
        if self.random.random() < 0.6:
            return self.random.choice(pool)
        return self.random.sample(pool, min(len(pool), self.random.choice([1, 2, 2, 3])))

    def value(self, fact: str, question: dict[str, Any]) -> Any:
        """Give a fact a value, or parts for which it holds or does not."""
        if fact in GIVEN:
            return self.random.choice(GIVEN[fact])
        if fact in WORDS:
            return self.random.choice(WORDS[fact])
        if fact not in self.words.per or self.random.random() < 0.3:
            return self.random.random() < 0.5
        per = self.words.per[fact]
        parts = [self.part(per, question) for _ in range(self.random.choice([0, 1, 1, 2]))]
        if self.random.random() < 0.4:
            parts.insert(self.random.randint(0, len(parts)), {"rest": self.random.random() < 0.5})
        return parts

    def part(self, per: tuple[str, ...], question: dict[str, Any]) -> dict[str, Any]:
        """Draw one part of a fact, mostly about what the question is about."""
        named = self.random.sample(per, self.random.randint(1, len(per)))
        part: dict[str, Any] = {}
        for each in named:
            asked = question.get(each, [])
            inside = [asked] if isinstance(asked, str) else asked
            known = [word for word in inside if word in self.words.trees[TREE[each]]]
            part[each] = self.terms(each, known if self.random.random() < 0.8 else [])
        if self.random.random() < 0.4:
            part["holds"] = self.random.random() < 0.3
        return part

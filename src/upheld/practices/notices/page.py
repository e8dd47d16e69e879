"""The policy page: everything on it is made from the one policy that decides."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from upheld.core import observing
from upheld.policy.analyse.answers import NO, SOMETIMES, YES, FullAnswer
from upheld.policy.english import word_list
from upheld.policy.fact_types import is_yes_no
from upheld.policy.load import Policy
from upheld.policy.program import Clause, Example, Node, Program
from upheld.policy.prose import LEADS as DIMENSION_LEADS
from upheld.policy.publish import Recipients, recipients_table
from upheld.policy.sentences import Piece, Sentences, text
from upheld.policy.vocabulary import DIMENSIONS, OTHER, TREE_OF
from upheld.practices.notices.find import ALSO, FIND_MAX, contains, mark_matches, search_terms
from upheld.practices.notices.gist import gist
from upheld.practices.notices.questions import (
    DIMENSION_LABELS,
    VERDICT,
    FormQuestion,
    QuestionAnswerer,
    RejectedQuestion,
    form_question,
)
from upheld.web.pages import Pages

if TYPE_CHECKING:  # a policy that stands alone needs no gate
    from upheld.practices.notices.proof import ClauseProof

MARKS = {
    "allow": ("yes", "✓", "Yes"),
    "deny": ("no", "✕", "No"),
    "needs-proof": ("ask", "?", "It depends"),
    "open": ("ask", "?", "It depends"),
}
COMMON = (
    "action=contact&purpose=offers",
    "action=sell&data=email",
    "action=share&data=address&recipient=law-enforcement&purpose=legal-process",
    "action=show-ad&data=gender",
    "action=view&data=usage&actor=staff",
    "action=answer-erasure",
)
EXAMPLES = {"allow": YES, "deny": NO, "needs-proof": SOMETIMES}
DEPTH_MAX = 8  # lists in lists
QUESTIONS = 6  # good questions shown under the form
FORM = ("action", "data", "recipient", "purpose", "occasion")
LEADS = {**DIMENSION_LEADS, "recipient": "with"}
BLANK = {"actor": "you, the company"}  # where leaving it out is not everything
Option = tuple[str, str]  # word, label


class Links:
    """Addresses of what belongs to the page, on a server or in a folder of files."""

    def __init__(self, *, files: bool) -> None:
        self.files = files
        self.page = "index.html" if files else "/privacy"
        self.ask = "" if files else "/privacy/ask"
        self.find = "" if files else "/privacy/find"
        self.disclosures = "" if files else "/privacy/disclosures"
        self.root = "" if files else "/"
        self.rules = "rules.html" if files else "/privacy?rules=open"

    def static(self, name: str) -> str:
        """A stylesheet or script."""
        return f"{self.root}static/{name}"

    def file(self, name: str) -> str:
        """The policy in another form."""
        return f"{self.root}{name}"

    def clause(self, name: str) -> str:
        """A clause on the page."""
        return f"{self.page}#{name}"


class PolicyPages:
    """The pages of one policy: the whole of it, answers, each clause."""

    def __init__(self, policy: Policy, pages: Pages, *, files: bool = False) -> None:
        """With `files` their addresses are those of files in one folder."""
        self.policy, self.pages = policy, pages
        self.program: Program = policy.program
        self.words = Sentences(self.program)
        self.answerer = QuestionAnswerer(policy)
        self.voice = self.answerer.voice
        self.links = Links(files=files)

    # What pages are made of, worked out when the first one is wanted

    @cached_property
    def clauses(self) -> list[dict[str, Any]]:
        """The clauses, in their order, with what their rules mean in words."""
        with observing.pause_notes():
            return [self._clause(i, c) for i, c in enumerate(self.program.clauses)]

    @cached_property
    def by_id(self) -> dict[str, dict[str, Any]]:
        """The clauses that have a name, by it."""
        return {c["id"]: c for c in self.clauses if c["id"]}

    @cached_property
    def form(self) -> list[dict[str, Any]]:
        """The form in which questions are put together."""
        return self._form()

    @cached_property
    def good(self) -> list[dict[str, str]]:
        """Questions that are good to begin with."""
        with observing.pause_notes():
            return self._good()

    @cached_property
    def table(self) -> Recipients:
        """Who may receive what."""
        return recipients_table(self.policy)

    @cached_property
    def gists(self) -> dict[int, list[dict[str, str]]]:
        """The gist of each section that has rules, by the place of its heading."""
        sections: dict[int, list[Clause]] = {}
        for each in self.program.clauses:
            sections.setdefault(each.heading, []).append(each)
        return {
            at: gist(self.program, self.words, below) for at, below in sections.items() if at >= 0
        }

    # Pages

    def policy_page(self, *, rules: bool = False, proof: ClauseProof | None = None) -> str:
        """The whole policy; with what every rule means in the open where `rules` says so.

        With `proof`, what each clause has decided stands under it.
        """
        inserts: dict[int, list[str]] = {}
        for each in self.program.inserts:
            inserts.setdefault(each.after, []).append(each.html)
        headings = [c for c in self.clauses if c["kind"] == "heading"]
        top = min((c["level"] for c in headings), default=2)
        return self._render(
            "policy.html",
            clauses=self.clauses,
            inserts=inserts,
            form=self.form,
            asked=self._blank(),
            view=None,
            good=self.good,
            refused=None,
            toc=[c for c in headings if c["level"] <= top + 1],
            top=top,
            table=self.table,
            by_id=self.by_id,
            rules=rules,
            proof=proof,
            gists=self.gists,
            also=ALSO,
            owed=[c for c in self.clauses if c["must"]],
        )

    def ask_page(self, question: FormQuestion, full: FullAnswer) -> str:
        """An answer, with the clauses it stands on."""
        return self._render("ask.html", **self.ask_words(question, full))

    def refused_page(self, what: str, remedy: str, address: str) -> str:
        """The form again, with what was wrong with the question."""
        problem = {"what": what, "remedy": remedy, "address": address}
        return self._render("ask.html", **self.ask_words(refused=problem))

    def ask_words(
        self,
        question: FormQuestion | None = None,
        full: FullAnswer | None = None,
        refused: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """What a page with the form of questions needs: the form alone, an answer or a refusal."""
        view = self.answerer.view(question, full) if question and full else None
        return {
            "form": self.form,
            "asked": question or self._blank(),
            "view": view,
            "cited": [self.by_id[c.id] for c in view["clauses"]] if view else [],
            "good": self.good,
            "refused": refused,
        }

    def find_page(self, words: str) -> str:
        """The clauses that hold every one of some words, in the order of the policy."""
        terms = search_terms(words)
        matches = [
            c
            for c in self.clauses
            if terms and c["kind"] != "heading" and contains(c["searched"], terms)
        ]
        return self._render(
            "find.html", words=words[:FIND_MAX], found=matches, wanted=terms, mark=mark_matches
        )

    def clause_page(self, name: str, proof: ClauseProof | None = None) -> str:
        """One clause with its rules; KeyError if there is none of that id."""
        clause = self.by_id[name]
        above = clause["heading"]
        return self._render(
            "clause.html",
            clause=clause,
            heading=self.clauses[above] if above >= 0 else None,
            proof=proof,
        )

    def disclosures_page(self, proof: ClauseProof) -> str:
        """What was disclosed in the last twelve months, by categories."""
        return self._render("disclosures.html", proof=proof)

    def _render(self, template: str, **words: object) -> str:
        return self.pages.shared(f"notices/{template}", **{**self.frame_words, **words})

    @property
    def frame_words(self) -> dict[str, Any]:
        """What every page of the policy needs."""
        return {
            "front": self.program.front,
            "digest": self.program.digest,
            "link": self.links,
            "root": self.links.root,
            "marks": MARKS,
            "introduced": self._introduced,
            "proof": None,
        }

    # Clauses

    def _clause(self, index: int, clause: Clause) -> dict[str, Any]:
        nodes = [self.program.nodes[n] for n in clause.nodes]
        means = [self._means(n, p) for n in nodes for p in self.words.rule(n)]
        over = {self.program.nodes[p].clause for n in nodes for p in n.parents} - {clause.id}
        mine = set(clause.nodes)
        under = {n.clause for n in self.program.nodes if mine & set(n.parents)} - {clause.id}
        defined = [
            self._definition(d.name)
            for d in self.program.definitions.values()
            if d.clause == clause.id and clause.id
        ]
        examples = [self._example(e) for e in clause.examples]
        # Examples tell of other clauses too: what a clause says is its prose and its rules.
        texts = [clause.text, *(text(m["pieces"]) for m in means), *defined]
        return {
            "searched": " ".join(texts).lower(),
            "id": clause.id,
            "anchor": clause.id or f"_{index}",
            "kind": clause.kind,
            "level": clause.level,
            "html": clause.html,
            "text": clause.text,
            "depth": clause.depth,
            "quoted": clause.quoted,
            "note": clause.note,
            "severed": clause.severed,
            "heading": clause.heading,
            "number": self._number(index, clause),
            "means": list({text(m["pieces"]): m for m in means}.values()),
            "defined": defined,
            "must": any(n.verb == "must" for n in nodes),
            "examples": examples,
            "exception_to": self._titles(over),
            "excepted_by": self._titles(under),
            "intro": [each.html for each in self._introduced(clause)],
            "rules": [rule.text for rule in clause.rules],
        }

    def _introduced(self, clause: Clause) -> list[Clause]:
        """What introduces a clause of a list, the outermost first."""
        outer: list[Clause] = []
        at = clause.parent
        while at >= 0 and len(outer) < DEPTH_MAX:
            outer.insert(0, self.program.clauses[at])
            at = self.program.clauses[at].parent
        return outer

    def _means(self, node: Node, pieces: list[Piece]) -> dict[str, Any]:
        return {"pieces": pieces, "inner": bool(node.parents)}

    def _definition(self, name: str) -> str:
        mine = self.program.definitions[name]
        words = self.words.terms(mine.tree, mine.leaves, "and")
        when = self.words.condition(mine.condition)
        condition = "" if when == "in any case" else f", when {when}"
        return f"“{self.words.label(mine.tree, name)}” means {words}{condition}"

    def _number(self, index: int, clause: Clause) -> int:
        """The number of an item in a numbered list, from 1; 0 for anything else."""
        if not clause.ordered or clause.kind != "item":
            return 0
        return sum(
            1
            for c in self.program.clauses[: index + 1]
            if c.kind == "item"
            and c.parent == clause.parent
            and c.depth == clause.depth
            and c.heading == clause.heading
        )

    def _titles(self, names: set[str]) -> list[dict[str, str]]:
        return [
            {"id": c.id, "title": self.answerer.sentence(c), "name": c.id.replace("-", " ")}
            for c in self.program.clauses
            if c.id in names
        ]

    def _example(self, example: Example) -> dict[str, str]:
        question = example.question
        parsed = form_question(question)
        verdict = EXAMPLES[example.answer]
        if parsed is None:
            plain = FormQuestion(question.action, dict(question.dimensions))
            sentence = self.answerer.question(plain)
            conditions = self.voice.fact_phrases(question.facts)
        else:
            parsed, verdict = self._exact(parsed, verdict)
            sentence = self.answerer.question(parsed)
            conditions = self.voice.fact_phrases(parsed.facts)
        if conditions:
            sentence = f"{sentence[:-1]}, if {word_list(conditions, 'and')}?"
        tone, _, word = VERDICT[verdict]
        query = parsed.query() if parsed else ""
        return {"tone": tone, "word": word, "text": sentence, "query": query}

    def _exact(self, question: FormQuestion, expected: str) -> tuple[FormQuestion, str]:
        """An example as one that has the same answer without a record that means no.

        A decision takes what nobody recorded as not so. A question on the page says it.
        """
        verdict = self.answerer.verdict(question)
        if verdict in ("", expected):
            return question, expected
        full = self.answerer.answer(question)
        ways = [way for case in full.cases for way in case.when]
        ways += [way for refusal in full.refusals for way in refusal.when]
        names = {literal.removeprefix("not ").split()[0] for way in ways for literal in way}
        facts = self.program.vocabulary.facts
        more = {n: False for n in sorted(names) if facts[n].absent and is_yes_no(facts[n])}
        stricter = FormQuestion(question.action, question.dimensions, {**more, **question.facts})
        if self.answerer.verdict(stricter) == expected:
            return stricter, expected
        return question, verdict

    # The form

    def _blank(self) -> FormQuestion:
        actions = self.program.vocabulary.tree("action")
        return FormQuestion("share" if "share" in actions else next(iter(actions), ""))

    def _form(self) -> list[dict[str, Any]]:
        takes = {
            d
            for action in self.words.leaves["action"].names
            for d in self.program.vocabulary.takes(action)
        }
        more = [name for name in DIMENSIONS if name in takes and name not in FORM]
        fields = []
        for name in (*FORM, *more):
            tree = TREE_OF.get(name, name)
            fields.append(
                {
                    "name": name,
                    "label": DIMENSION_LABELS[name].capitalize(),
                    "more": name in more,
                    "lead": LEADS.get(name, ""),
                    "blank": self._blank_of(name),
                    "single": self._single(tree, name),
                    "groups": self._groups(tree),
                }
            )
        return fields

    def _blank_of(self, name: str) -> str:
        if name == "action":
            return ""
        return BLANK.get(name) or self.voice.any(TREE_OF[name])

    def _single(self, tree: str, dimension: str) -> list[Option]:
        """Words that stand in no group; the moment that is none in particular."""
        options = [(OTHER, self.voice.label(tree, OTHER))] if dimension == "occasion" else []
        below = self.voice.children[tree]
        return options + [self._option(tree, t, 0) for t in below.get("", ()) if t not in below]

    def _groups(self, tree: str) -> list[dict[str, Any]]:
        below = self.voice.children[tree]
        tops = [t for t in below.get("", ()) if t in below]
        groups = [
            {"label": self._capital(tree, top), "options": list(self._under(tree, top, 0))}
            for top in tops
        ]
        own = [d.name for d in self.program.definitions.values() if d.tree == tree]
        if own:
            groups.append(
                {
                    "label": "Words of this policy",
                    "options": [self._option(tree, n, 0) for n in own],
                }
            )
        return groups

    def _under(self, tree: str, name: str, depth: int) -> Iterable[Option]:
        yield self._option(tree, name, depth)
        for child in self.voice.children[tree].get(name, ()):
            yield from self._under(tree, child, depth + 1)

    def _option(self, tree: str, name: str, depth: int) -> Option:
        return name, "\u2003" * max(0, depth - 1) + self.voice.label(tree, name)

    def _capital(self, tree: str, name: str) -> str:
        label = self.voice.label(tree, name)
        return label[:1].upper() + label[1:]

    def _good(self) -> list[dict[str, str]]:
        """Questions worth asking: those that many ask, then examples, all three answers."""
        by_tone: dict[str, list[dict[str, str]]] = {"yes": [], "no": [], "ask": []}
        for clause in self.clauses:
            for each in clause["examples"][:4]:
                if each["query"] and len(each["text"]) < 110:
                    by_tone[each["tone"]].append(each)
        for tone in by_tone.values():  # what leaves the house is asked first
            tone.sort(key=lambda each: "recipient=" not in each["query"])
        mixed = [
            each
            for three in zip(by_tone["no"], by_tone["ask"], by_tone["yes"], strict=False)
            for each in three
        ]
        rest = [e for tone in by_tone.values() for e in tone if e not in mixed]
        return [*self._common(), *mixed, *rest][:QUESTIONS]

    def _common(self) -> list[dict[str, str]]:
        """Questions that people have, where the policy has the words."""
        questions = []
        for query in COMMON:
            try:
                question = self.answerer.read(parse_qsl(query))
                verdict = self.answerer.answer(question).verdict
            except RejectedQuestion:
                continue
            tone, _, word = VERDICT[verdict]
            sentence = self.answerer.question(question)
            questions.append(
                {"tone": tone, "word": word, "text": sentence, "query": question.query()}
            )
        return questions

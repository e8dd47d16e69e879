"""An agreement drafted from a policy: what a trusted partner may do, in identical terms.

The draft is compared with the policy before anybody sees it; what cannot be written exactly is
an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from itertools import product

from upheld.core.errors import PolicyError, UpheldError
from upheld.policy.analyse.common_classes import CommonClasses
from upheld.policy.analyse.contains import (
    AGREED,
    USE,
    contains,
    missing_words,
    sharing_classes,
    terms,
)
from upheld.policy.analyse.wording import Wording, ways_of
from upheld.policy.document import read_document
from upheld.policy.load import Policy
from upheld.policy.program import DutyDue
from upheld.policy.regions import Bits, Box, Grid
from upheld.policy.resolve import resolve
from upheld.policy.vocabulary import OTHER, PREPOSITIONS, TREE_OF
from upheld.policy.words import Words

NAME = re.compile(r"[^\W_][\w .,&'’-]{0,80}\Z")
RULES_MAX = 200
LEAD = {dimension: preposition for preposition, dimension in PREPOSITIONS.items()}
Key = tuple[tuple[tuple[str, ...], ...], tuple[DutyDue, ...]]


def agreement(policy: Policy, partner: str) -> str:
    """A draft of an agreement with a partner, in terms identical with the policy's.

    UpheldError where the policy has no words for it, or the terms cannot be written exactly.
    """
    if not NAME.match(partner):
        raise UpheldError(
            "the partner's name must be a name",
            code="partner",
            hint="letters, digits, spaces and .,&'-",
        )
    if lacks := missing_words(policy, policy):
        raise UpheldError(
            "; ".join(lacks), code="vocabulary", hint="an agreement is about `use` and `share`"
        )
    text = _text(policy, partner)
    draft = _parse_agreement(text, policy)
    comparison = contains(draft, policy)
    if comparison.verdict != "identical":
        raise UpheldError(
            f"the terms could not be written exactly: {comparison}",
            code="inexact",
            hint="write the agreement by hand and check it by `upheld contains`",
        )
    return text


def _groups(policy: Policy) -> dict[Key, tuple[Grid, list[Bits]]]:
    """What a partner may use, by what must hold and which duties there are."""
    common = CommonClasses((policy,))
    groups: dict[Key, tuple[Grid, list[Bits]]] = {}
    for grid, state, sharing in sharing_classes(common, 0, ("share",)):
        space = common.space(sharing)
        ours = terms(common, 0, space, sharing)
        parts: dict[tuple[DutyDue, ...], int] = {(): ours.allow}
        for duty, worlds in sorted(ours.duties.items()):
            parts = {
                **{due: w & ~worlds for due, w in parts.items() if w & ~worlds},
                **{(*due, duty): w & worlds for due, w in parts.items() if w & worlds},
            }
        for due, worlds in parts.items():
            if worlds:
                key = (ways_of(space, worlds, {AGREED: True}), due)
                groups.setdefault(key, (grid, []))[1].append(state)
    return groups


def _text(policy: Policy, partner: str) -> str:
    common = CommonClasses((policy,))
    wording = Wording(common, 0)
    front = policy.front
    lines = ["---", f"policy: {json.dumps('Agreement with ' + partner, ensure_ascii=False)}"]
    if front.provider:
        lines.append(f"provider: {json.dumps(front.provider, ensure_ascii=False)}")
    lines += [f"vocabulary: {json.dumps(front.vocabulary)}", "---", ""]
    lines += [f"# Agreement with {partner} {{.note}}", ""]
    title = front.policy.replace("{", "(").replace("}", ")").replace("<", "").replace("`", "'")
    who = f"“We”, in this agreement, is {partner}, as far as it holds information under “{title}”."
    lines += [f"{who} Its terms are identical with those of that policy. {{.note}}", ""]
    number = 0
    for (ways, duties), (grid, classes) in _groups(policy).items():
        boxes, more = grid.boxes(classes, RULES_MAX)
        number += len(boxes)
        if more or number > RULES_MAX:
            raise UpheldError(
                f"the agreement would have more than {RULES_MAX} rules",
                code="too-large",
                hint="simplify what the policy lets trusted partners receive",
            )
        for at, box in enumerate(boxes, number - len(boxes) + 1):
            lines += _clause(wording, at, grid, box, ways, duties)
    lines += ["We pass nothing on to anybody but the provider. {#no-onward-sharing}", ""]
    leaves = policy.engine.compiled.leaves
    if "disclose" in leaves["action"].mask and "provider" in leaves["party"].mask:
        lines += ["```rule", "may not disclose to any but provider", "```", ""]
    else:
        lines[-2] = lines[-2].replace("{#no-onward-sharing}", "{.note}")
    return "\n".join(lines)


def _clause(
    wording: Wording,
    number: int,
    grid: Grid,
    box: Box,
    ways: tuple[tuple[str, ...], ...],
    duties: tuple[DutyDue, ...],
) -> list[str]:
    """One clause: its prose and its rule."""
    plain = wording.words
    dimensions: dict[str, list[str]] = {}
    parts: list[list[tuple[str, str]]] = []  # for each dimension, ways to name a part of it
    for axis, mask in zip(grid.axes, box, strict=True):
        tree = TREE_OF[axis.name]
        if mask == (1 << len(wording.common.positions[axis.name])) - 1:
            continue
        leaves = wording.common.leaves(0, axis.name, mask)
        dimensions[axis.name] = plain.fold(tree, leaves)
        lead = f"{LEAD[axis.name]} " if axis.name in LEAD else ""
        parts.append(
            [
                (lead + words, missing and f"  except {lead}{missing}")
                for words, missing in rule_terms(plain, tree, leaves)
            ]
        )
    condition = " or ".join(
        f"({' and '.join(way)})" if len(way) > 1 and len(ways) > 1 else " and ".join(way)
        for way in ways
    )
    tail = [f"  when {condition}"] if condition else []
    if duties:
        due = (" ".join(filter(None, (d.duty, d.amount, d.unit))) for d in duties)
        tail.append(f"  with {', '.join(due)}")
    lines = []
    for choice in product(*parts):
        lines.append(" ".join([f"may {USE}", *(words for words, _ in choice)]))
        lines += [*tail, *(lift for _, lift in choice if lift)]
    act = wording.act([USE], dimensions)
    when = wording.ways(ways)
    always = f"; always {', '.join(plain.duty(d) for d in duties)}" if duties else ""
    prose = f"We may {act}{', ' + when if when else ''}{always}. {{#use-{number}}}"
    return [prose, "", "```rule", *lines, "```", ""]


def rule_terms(plain: Words, tree: str, leaves: Iterable[str]) -> list[tuple[str, str]]:
    """Leaves as rules name them: words, and what an exception must take away from them again.

    The unnamed rest of a group can only be named with the group.
    """
    leaf_set = set(leaves)
    if OTHER not in leaf_set:
        words, missing = _writable_words(plain, tree, plain.fold(tree, leaf_set), leaf_set)
        return [(", ".join(words), ", ".join(missing))]
    lacks = set(plain.leaves[tree].names) - leaf_set
    words, more = _writable_words(plain, tree, plain.fold(tree, lacks), lacks)
    spellings = [(f"any but {', '.join(words)}" if words else "any", "")]
    if more:
        spellings += rule_terms(
            plain, tree, {leaf for w in more for leaf in plain.under(tree, w) or (w,)}
        )
    return spellings


def _writable_words(
    plain: Words, tree: str, words: list[str], leaf_set: set[str]
) -> tuple[list[str], list[str]]:
    """Words that can be written, and those to take away where a group stands for its rest."""
    groups = [word.removesuffix(f"/{OTHER}") for word in words]
    tops = list(dict.fromkeys(groups))
    leaves = {leaf for word in tops for leaf in plain.under(tree, word)}
    missing = plain.fold(tree, leaves - leaf_set)
    means = {word: set(plain.under(tree, word)) for word in tops}
    return [w for w in tops if not any(means[w] < more for more in means.values())], missing


def _parse_agreement(text: str, policy: Policy) -> Policy:
    document, faults = read_document(text, "agreement")
    if document is None:
        raise PolicyError(faults)
    return Policy(resolve(document, policy.program.vocabulary, "agreement", faults))

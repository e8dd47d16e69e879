"""What was found about the words of a policy: as lines, as a statement, as a page of its own."""

from __future__ import annotations

from collections.abc import Collection
from html import escape
from typing import Final

from upheld.mutate.run import CHANGES, DEAD, EQUAL, MutantFinding, MutationReport
from upheld.policy.analyse.mutants import KINDS
from upheld.policy.analyse.page import STYLE
from upheld.policy.english import word_list
from upheld.policy.load import Policy

MORE: Final = """
.dead{border-left:.3rem solid #a33;padding-left:.6rem}
.changes{border-left:.3rem solid #286b34;padding-left:.6rem}
.equal,.needed{border-left:.3rem solid #777;padding-left:.6rem}
li{margin:.3rem 0}ul{padding-left:1rem;list-style:none}
"""
_PLURAL: Final = {
    "clause": "clauses",
    "rule": "rules",
    "exception": "exceptions",
    "member": "members of lists",
    "number": "steps of numbers",
}


def line(finding: MutantFinding) -> str:
    """A finding as one line."""
    return f"{finding.id}: {outcome_text(finding)}"


def outcome_text(finding: MutantFinding) -> str:
    """What came of a mutant, in words."""
    if finding.came == CHANGES:
        first = finding.changes[0]
        where = f" in {first.story}" if first.story else ""
        kinds = sorted({each.kind for each in finding.changes})
        return f"changes {word_list(kinds, 'and')}: {first.what}{where}"
    if finding.came == DEAD:
        return "dead"
    if finding.came == EQUAL:
        return "equal in effect, and left out"
    return f"needed: {finding.why}"


def statement(report: MutationReport) -> str:
    """How much of a policy does something, in a few lines of Markdown."""
    rows = ["| struck or moved | changes something | of |", "|---|---|---|"]
    for kind in KINDS:
        changing, all_ = report.count(kind)
        if all_:
            rows.append(f"| {_PLURAL[kind]} | {changing:,} | {all_:,} |")
    return "\n".join(rows) + "\n"


def unlisted(report: MutationReport, listed_ids: Collection[str]) -> tuple[list[str], list[str]]:
    """What is dead and not in a list of what may be, and what is in it and is not dead."""
    dead = [each.id for each in report.findings if each.came == DEAD]
    return [name for name in dead if name not in listed_ids], sorted(set(listed_ids) - set(dead))


def summary(report: MutationReport) -> str:
    """The number, in one line."""
    changing, all_ = report.count()
    return (
        f"{changing:,} of {all_:,} change something ({report.share:.1f} %),"
        f" by {report.stories:,} stories that ask {report.questions:,} questions"
    )


def page(policy: Policy, report: MutationReport) -> str:
    """The report beside the prose of each clause; it needs nothing from anywhere else."""
    title = f"{policy.front.policy}: what its words do"
    mine: dict[str, list[MutantFinding]] = {}
    for each in report.findings:
        mine.setdefault(each.clause, []).append(each)
    rows = [
        f"<tr><td><strong>#{escape(clause.id)}</strong><p>{escape(clause.text)}</p>"
        f"<pre>{escape(chr(10).join(rule.text for rule in clause.rules))}</pre></td>"
        f"<td><ul>{''.join(map(_item, mine[clause.id]))}</ul></td></tr>"
        for clause in policy.program.clauses
        if clause.id in mine
    ]
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}{MORE}</style>"
        f"<main><h1>{escape(title)}</h1><p>{escape(summary(report))}.</p>"
        "<table><thead><tr><th>Clause</th><th>Struck or moved</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></main></html>\n"
    )


def _item(finding: MutantFinding) -> str:
    return (
        f'<li class="{finding.came}">{escape(finding.id)}: {escape(outcome_text(finding))}<br>'
        f"<small>{escape(finding.text)}</small></li>"
    )

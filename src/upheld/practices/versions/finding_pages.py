"""Findings in the console: recorded, looked at before anything comes of them, drafted."""

from __future__ import annotations

import textwrap
from datetime import date
from typing import Final

from starlette.responses import Response

from upheld.gate.public import EditionError
from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.practice.consequences import (
    Banner,
    Confirmation,
    redirect_with_banner,
    require_confirmation,
    short_reference,
)
from upheld.practice.endpoints import Visit
from upheld.practice.plugin import Provider
from upheld.practices.versions import findings
from upheld.practices.versions.console_pages import CONSOLE, STATES, counsel_of
from upheld.practices.versions.drafts import Draft, DraftError
from upheld.practices.versions.findings import CourtFinding, FindingPreview
from upheld.practices.versions.reach import DraftReach, ReachPage
from upheld.web.forms import EMPTY, Field, Filled, read

FINDINGS: Final = "/staff/findings"
STRIKE, RESTORE = "strike", "restore"
_WORDS_SHOWN: Final = 60  # characters of a clause in the list of them


class FindingPages:
    """The list of findings, and the form for another."""

    def __init__(self, provider: Provider, reach: ReachPage) -> None:
        self.provider, self.reach = provider, reach

    async def show(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """Every finding with the draft that it made, and the form."""
        counsel_of(visit)
        return self.provider.pages.page(
            visit.request,
            "versions/findings.html",
            status=status,
            rows=await self.provider.read(findings.findings),
            states=STATES,
            fields=finding_fields(self.provider.policy),
            filled=filled,
            console=CONSOLE,
        )

    async def record(self, visit: Visit) -> Response:
        """Make a draft of a finding, once somebody saw what it does and confirmed it."""
        user = counsel_of(visit)
        in_force = self.provider.policy
        filled = read(finding_fields(in_force), visit.form)
        if not filled.ok:
            return await self.show(visit, filled, 422)
        try:
            finding = _finding(filled, self.provider.today())
            versions = await self.provider.do(findings.versions_posted)
            outlook = await self.provider.run_in_thread(
                findings.preview, in_force, finding, versions, self.provider.today()
            )
            accepts = filled.values.get("wider") == "yes"
            findings.require_consent(outlook, accept_widening=accepts)
            reach, _ = await self.reach.counted(in_force, outlook.policy)

            def work(transaction: Transaction) -> Draft:
                question = _question(outlook, reach, filled)
                require_confirmation(self.provider, transaction.tables, visit, question)
                return findings.record(transaction, outlook, user.user_id, accept_widening=accepts)

            new = await self.provider.do(work)
        except (DraftError, EditionError) as error:
            field = "wider" if error.code == "sever-widens" else "clause"
            return await self.show(visit, filled.wrong(field, error.in_sentences()), 422)
        banner = Banner(
            "The finding is recorded. A second person approves its draft.",
            short_reference(new.draft_id),
        )
        path = f"{CONSOLE}/{new.draft_id}"
        return redirect_with_banner(self.provider, visit.session, path, banner)


def _beginning(text: str) -> str:
    """The first words of a clause."""
    return textwrap.shorten(text, _WORDS_SHOWN, placeholder=" …")


def finding_fields(policy: Policy) -> tuple[Field, ...]:
    """What is asked about a finding; the clauses are those that can be struck or restored."""
    clauses = [
        (each.id, f"{each.id}: {_beginning(each.text)}{' (struck)' if each.severed else ''}")
        for each in policy.program.clauses
        if each.id and (each.severed or each.nodes)
    ]
    effects = (
        (STRIKE, "The clause is void: strike it"),
        (RESTORE, "The clause holds after all: restore it"),
    )
    return (
        Field("clause", "Clause", "select", options=clauses),
        Field("effect", "What it says", "select", options=effects),
        Field(
            "court",
            "Court or authority",
            length_max=findings.SHORT_MAX,
            autocomplete="off",
        ),
        Field("day", "Date of the finding", "date"),
        Field(
            "reference",
            "Reference of the document",
            length_max=findings.SHORT_MAX,
            autocomplete="off",
        ),
        Field(
            "words",
            "What was found",
            "textarea",
            length_max=findings.WORDS_MAX,
            hint="Everybody reads it behind the clause. Name nobody who is not to be read there.",
        ),
        Field(
            "wider",
            "Strike it even if more is allowed without it, because the finding says so",
            "tick",
            required=False,
        ),
    )


def _finding(filled: Filled, today: date) -> CourtFinding:
    values = filled.values
    return findings.finding_of(
        values["clause"], values, today, restores=values["effect"] == RESTORE
    )


def _question(outlook: FindingPreview, reach: DraftReach, filled: Filled) -> Confirmation:
    """What the finding does, before a draft is made of it."""
    finding = outlook.finding
    verb = "Restore" if finding.restores else "Strike"
    how = "as it was" if finding.restores else "struck through"
    lines = [f"The clause stays on the page, {how}, with this note behind it: {finding.note}"]
    whole = "all" if reach.complete else "the"
    for change, count in reach.counts:
        whom = (
            "it is about nobody in particular"
            if count is None
            else f"it reaches {count:,} of {whole} {reach.customers:,} customers looked at"
        )
        lines.append(f"{change.text}; {whom}.")
    more = len(outlook.comparison.changes) - len(reach.counts)
    if more > 0:
        lines.append(f"And {more:,} more differences, which the page of the draft lists.")
    if not outlook.comparison.changes:
        lines.append("Nothing is decided otherwise by it.")
    lines += [f"An example that is answered otherwise: {each}" for each in outlook.examples]
    lines.append("It is a draft: a second person approves it, and then it is posted.")
    return Confirmation(
        f"{verb} the clause {finding.clause}?",
        lines,
        FINDINGS,
        "Make the draft",
        FINDINGS,
        dict(filled.shown),
        after=CONSOLE,
    )

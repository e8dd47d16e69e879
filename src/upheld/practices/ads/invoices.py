"""Invoices of advertisers: what was reported of a month that is over, numbered, never changed.

An invoice has the thousands that became full by the numbers with noise which its advertiser reads.
What is reported later of the same month comes with a further invoice; what was invoiced wrongly is
taken back by a correction, a document of its own that names the invoice and says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from upheld.core.company_names import company_name
from upheld.core.ids import CampaignId
from upheld.core.reason_text import require_reason
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.gate import Gate
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.practice import noise
from upheld.practice.sheets import sheet
from upheld.practice.signatures import with_signature
from upheld.practices.ads import ad_reports, campaigns
from upheld.practices.ads.campaigns import BLOCK, AdError
from upheld.practices.ads.counts import CLICKS_EACH, VIEWS_EACH
from upheld.practices.ads.month_prices import POINTS
from upheld.practices.ads.periods import KINDS, kind_of
from upheld.practices.ads.tables import ad_invoice

ISSUED, CORRECTED = "ad.invoice", "ad.correct"
SENTENCES: Final = {
    ISSUED: "An invoice to an advertiser was issued",
    CORRECTED: "{actor} corrected an invoice to an advertiser",
}
PURPOSE: Final = "ad-invoice"  # of the key by which a statement is signed
REASON_MAX: Final = 200


class AdInvoiceLine(msgspec.Struct, frozen=True):
    """What is paid for a campaign; of a correction, the cents that are taken off and no more."""

    text: str
    cents: int
    campaign_id: CampaignId = CampaignId("")
    blocks: int = 0
    of: str = ""  # views or clicks
    price: int = 0  # of a thousand of them, in cents


class AdInvoice(NamedTuple):
    """An invoice or a correction as it was issued; `corrects` is 0 for an invoice."""

    number: int
    party: str
    month: str
    corrects: int
    reason: str
    lines: tuple[AdInvoiceLine, ...]
    statement: str
    issued_at: datetime

    @property
    def title(self) -> str:
        """What the document is called."""
        kind = f"Correction of invoice {self.corrects}" if self.corrects else "Invoice"
        return f"{kind}, number {self.number}" if self.corrects else f"{kind} {self.number}"

    @property
    def cents(self) -> int:
        """What it comes to; below zero for a correction."""
        return sum(each.cents for each in self.lines)


def issue_all(gate: Gate) -> int:
    """Issue what is due; how many. The job of that name."""
    with gate.together() as transaction:
        return len(issue(transaction))


def issue(transaction: Transaction, *, actor: str = "") -> list[AdInvoice]:
    """Issue an invoice for each advertiser and month that is over with something not invoiced."""
    transaction.lock(REGISTER)  # before numbers are read: nothing is charged twice
    result = []
    for (month, party), lines in sorted(_due(transaction).items()):
        text, now = _method(transaction, lines), transaction.clock.now()
        its = AdInvoice(0, party, month, 0, "", tuple(lines), text, now)
        result.append(_write(transaction, its, ISSUED, actor=actor))
    return result


def _due(transaction: Transaction) -> dict[tuple[str, str], list[AdInvoiceLine]]:
    """What stands on no invoice yet of months that are over, by month and advertiser."""
    this_month = transaction.clock.today().isoformat()[:7]
    before: Counter[tuple[str, str]] = Counter()
    charged: Counter[str] = Counter()
    for document in every(transaction.tables):
        before.update({(document.month, line.campaign_id): line.blocks for line in document.lines})
        charged.update({line.campaign_id: line.blocks for line in document.lines})
    result: dict[tuple[str, str], list[AdInvoiceLine]] = {}
    for its in campaigns.every(transaction.tables):
        blocks: Counter[str] = Counter()
        for day in ad_reports.totals_of(transaction, its).days if its.cents else ():
            blocks[day.day[:7]] += day.cents // its.cents
        # A day that is reported late moves thousands to its month, and adds none to what is paid.
        left = sum(blocks.values()) - charged[its.campaign_id]
        for month, number in sorted(blocks.items()):
            new = min(number - before[month, its.campaign_id], left)
            if month < this_month and new > 0:
                left -= new
                line = AdInvoiceLine(
                    its.title, new * its.cents, its.campaign_id, new, its.paid_by, its.cents
                )
                result.setdefault((month, its.party), []).append(line)
    return result


def correct(
    transaction: Transaction, number: int, cents: int, *, reason: str, actor: str
) -> AdInvoice:
    """Take so many cents of an invoice back, for a reason that its advertiser reads.

    AdError where there is no such invoice, or not so much of it is left.
    """
    reason = require_reason(reason, REASON_MAX, _error, "a correction needs a reason")
    transaction.lock(REGISTER)  # before it is read what is left: two at once take no more than that
    its = require(transaction.tables, number)
    if its.corrects:
        raise _error("a correction cannot be corrected", f"correct invoice {its.corrects}")
    if not 0 < cents <= (most := left_of(transaction.tables, its)):
        raise _error(
            "this is not what is left of the invoice", f"take off at most {most / 100:.2f}"
        )
    lines = (AdInvoiceLine(f"Taken off invoice {number}", -cents),)
    now = transaction.clock.now()
    correction = AdInvoice(0, its.party, its.month, number, reason, lines, "", now)
    return _write(transaction, correction, CORRECTED, actor=actor)


def left_of(tables: Tables, its: AdInvoice) -> int:
    """What of an invoice was not taken back, in cents."""
    return its.cents + sum(each.cents for each in every(tables) if each.corrects == its.number)


def _write(transaction: Transaction, its: AdInvoice, kind: str, *, actor: str) -> AdInvoice:
    """Write a document under the next number, with its entry."""
    tables = transaction.tables
    number = max((each.number for each in every(tables)), default=0) + 1
    tables.insert(
        ad_invoice,
        number=number,
        party=its.party,
        month=its.month,
        corrects=its.corrects,
        reason=its.reason,
        lines=msgspec.json.encode(its.lines).decode(),
        statement=its.statement,
        issued_at=microseconds(its.issued_at),
        issued_by=actor,
    )
    transaction.note(None, kind, actor=actor, id=str(number))
    return require(tables, number)


def _method(transaction: Transaction, lines: Sequence[AdInvoiceLine]) -> str:
    """How the numbers of an invoice were made, as it stands on it."""
    kinds = {
        kind_of(campaigns.require(transaction.tables, each.campaign_id).criteria) for each in lines
    }
    sentences = [
        "Views and clicks of each day have discrete Laplace noise by OpenDP and never change.",
        f"One person counts in at most {VIEWS_EACH} views and {CLICKS_EACH} clicks of a month.",
    ]
    for kind in sorted(kinds):
        views, clicks = ad_reports.off_by(kind)
        sentences.append(
            f"Campaigns for {KINDS[kind]}: epsilon {POINTS[kind] / noise.POINTS:g} of the month for"
            f" all of them together; noise moves a day by at most {views:,} views and {clicks:,}"
            " clicks, 19 times in 20."
        )
    sentences.append(
        f"You pay for each {BLOCK:,} once the sum of what was reported is full of them, and for no"
        " more than you booked."
    )
    return " ".join(sentences)


def signed(transaction: Transaction, provider: str, its: AdInvoice) -> str:
    """An invoice as text, with our signature of all the lines above it and the key (Ed25519)."""
    text = (
        f"upheld advertiser invoice\n"
        f"provider: {' '.join(provider.split())}\n"
        f"document: {its.title}\n"
        f"to: {company_name(its.party)}\n"
        f"month: {its.month}\n"
        f"issued: {its.issued_at.isoformat()}\n"
        + "".join(f"line: {' '.join(_words(each))}\n" for each in its.lines)
        + f"total: {its.cents / 100:.2f} dollars\n"
        + (f"reason: {' '.join(its.reason.split())}\n" if its.reason else "")
        + (f"method: {its.statement}\n" if its.statement else "")
    )
    return with_signature(transaction, PURPOSE, text)


def _words(line: AdInvoiceLine) -> list[str]:
    what = [f"{line.blocks * BLOCK:,} {line.of}:"] if line.blocks else []
    return [" ".join(line.text.split()), *what, f"{line.cents / 100:.2f} dollars"]


def csv_of(its: AdInvoice) -> str:
    """The lines of a document as CSV."""
    columns = ["document", "month", "corrects", "line", "campaign", "thousands", "of", "dollars"]
    rows = [
        [
            str(its.number),
            its.month,
            str(its.corrects or ""),
            each.text,
            each.campaign_id,
            str(each.blocks or ""),
            each.of,
            f"{each.cents / 100:.2f}",
        ]
        for each in its.lines
    ]
    return sheet(columns, rows)


def every(tables: Tables, party: str = "") -> list[AdInvoice]:
    """All invoices and corrections, or those to one advertiser, the latest first."""
    rows = tables.select(ad_invoice, "? IN ('', party) ORDER BY number DESC", party)
    return [_from_row(each) for each in rows]


def find(tables: Tables, number: int, party: str = "") -> AdInvoice | None:
    """A document by its number, of one advertiser or whomever's; None where there is none."""
    row = tables.get(ad_invoice, "number = ? AND ? IN ('', party)", number, party)
    return None if row is None else _from_row(row)


def require(tables: Tables, number: int) -> AdInvoice:
    """A document by its number. AdError where there is none."""
    its = find(tables, number)
    if its is None:
        raise _error("there is no such invoice", "look at the list")
    return its


def _from_row(row: Any) -> AdInvoice:
    return AdInvoice(
        row.number,
        row.party,
        row.month,
        row.corrects,
        row.reason,
        msgspec.json.decode(row.lines, type=tuple[AdInvoiceLine, ...]),
        row.statement,
        to_datetime(row.issued_at),
    )


def _error(sentence: str, hint: str) -> AdError:
    return AdError(sentence, code="ad", hint=hint)

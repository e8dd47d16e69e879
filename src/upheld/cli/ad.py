"""`upheld ad`: campaigns of advertisers, what is reported of them with noise, and what they pay."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from upheld.cli.admin import SETTINGS, gate_of, settings_in
from upheld.cli.desk_options import BY, actor_of
from upheld.cli.output import JSON, print_json
from upheld.core.company_names import company_name
from upheld.core.errors import UpheldError
from upheld.core.ids import CampaignId

ad = typer.Typer(help="Advertisements, and what is reported of them.", no_args_is_help=True)
WHICH = typer.Argument(help="The id of the campaign.")


@ad.command("list")
def everything(settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """List all campaigns, the latest first: which are reported by customers or cannot be paid."""
    from upheld.practices.ads import campaigns, complaints, month_prices
    from upheld.practices.ads.periods import kind_of

    with gate_of(settings_in(settings)).together() as transaction:
        rows, now = campaigns.every(transaction.tables), transaction.clock.now()
        complaints_of = complaints.waiting(transaction.tables)
        kinds = month_prices.kinds_held_back(transaction)
    spent = {e.campaign_id for e in rows if e.is_live(now) and kind_of(e.criteria) in kinds}
    if as_json:
        print_json(
            [
                {
                    "id": each.campaign_id,
                    "party": each.party,
                    "title": each.title,
                    "state": each.state,
                    "budget_spent": each.campaign_id in spent,
                    "reported": dict(complaints_of.get(each.campaign_id, [])),
                }
                for each in rows
            ]
        )
        return
    for each in rows:
        more = ", not shown: the privacy budget is spent" if each.campaign_id in spent else ""
        more += ", reported by customers" if each.campaign_id in complaints_of else ""
        print(f"{each.campaign_id} {company_name(each.party)}, {each.title}: {each.state}{more}")


@ad.command()
def report(settings: Path | None = SETTINGS) -> None:
    """Report the days that are over, and print all that was reported as CSV."""
    from upheld.practices.ads import ad_reports

    with gate_of(settings_in(settings)).together() as transaction:
        ad_reports.make(transaction)
        print(ad_reports.csv_of(transaction), end="")


@ad.command()
def bill(
    month: str = typer.Argument(help="Such as 2026-10."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Print what each advertiser pays for a month, by what was reported."""
    from upheld.practices.ads import ad_reports

    if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", month):
        raise UpheldError("a month is written like 2026-10", code="usage", hint="year, month")
    with gate_of(settings_in(settings)).together() as transaction:
        rows = ad_reports.bills(transaction, month)
    if as_json:
        print_json(
            [
                {
                    "party": each.its.party,
                    "id": each.its.campaign_id,
                    "thousands": each.blocks,
                    "of": each.its.paid_by,
                    "cents": each.cents,
                }
                for each in rows
            ]
        )
        return
    for each in rows:
        what = f"{each.blocks},000 {each.its.paid_by}"
        name = company_name(each.its.party)
        print(f"{name}, {each.its.title}: {what}, {each.cents / 100:.2f} dollars")


@ad.command()
def stop(
    which: str = WHICH,
    reason: str = typer.Option(..., "--reason", help="Why; the advertiser reads it."),
    by: str = BY,
    settings: Path | None = SETTINGS,
) -> None:
    """Stop a campaign that runs; its page lets it run again."""
    from upheld.practices.ads import campaigns, complaints

    with gate_of(settings_in(settings)).together() as transaction:
        actor, campaign_id = actor_of(transaction, by), CampaignId(which)
        campaigns.stop(transaction, campaign_id, reason=reason, actor=actor)
        complaints.close(transaction, campaign_id, actor=actor)
    print("stopped")


@ad.command()
def invoice(settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """Issue the invoices that are due, and list all invoices and corrections, the latest first."""
    from upheld.practices.ads import invoices

    with gate_of(settings_in(settings)).together() as transaction:
        invoices.issue(transaction)
        rows = invoices.every(transaction.tables)
    if as_json:
        print_json(
            [
                {
                    "number": each.number,
                    "party": each.party,
                    "month": each.month,
                    "corrects": each.corrects or None,
                    "cents": each.cents,
                }
                for each in rows
            ]
        )
        return
    for each in rows:
        name = company_name(each.party)
        print(f"{each.title}: {name}, {each.month}, {each.cents / 100:.2f} dollars")


@ad.command()
def correct(
    number: int = typer.Argument(help="The number of the invoice."),
    dollars: str = typer.Option(..., "--dollars", help="What is taken off, such as 12.30."),
    reason: str = typer.Option(..., "--reason", help="Why; the advertiser reads it."),
    by: str = BY,
    settings: Path | None = SETTINGS,
) -> None:
    """Take something off an invoice by a correction, and print it as signed text."""
    from upheld.practices.ads import invoices
    from upheld.web.forms import cents

    try:
        amount = int(cents(dollars))
    except ValueError:
        raise UpheldError(
            "an amount is written like 12.30", code="usage", hint="dollars and cents"
        ) from None
    with gate_of(settings_in(settings)).together() as transaction:
        its = invoices.correct(
            transaction, number, amount, reason=reason, actor=actor_of(transaction, by)
        )
        print(invoices.signed(transaction, transaction.policy.program.front.provider, its), end="")

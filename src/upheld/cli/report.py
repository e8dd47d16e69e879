"""`upheld report`: anonymous reports, within the privacy budget that all who ask share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from upheld.cli.admin import SETTINGS, provider_of, settings_in
from upheld.cli.desk_options import BY, actor_of
from upheld.cli.output import JSON, print_json
from upheld.core.ids import ReportId

if TYPE_CHECKING:
    from upheld.practices.reports.questions import Question
    from upheld.practices.reports.reports import AnonymousReport

report = typer.Typer(help="Make anonymous reports.", no_args_is_help=True)

EACH = typer.Option("", "--each", help="What it is divided by, such as age-range, gender or zip.")
MONTH = typer.Option("", "--month", help="The month, such as 2026-10; it must be over.")
EPSILON = typer.Option(0.1, "--epsilon", help="What it may cost: 0.01, 0.05, 0.1 or 0.5.")
WHICH = typer.Argument(help="The id of the report, or how it begins.")


@report.command()
def ask(  # noqa: PLR0913, PLR0917 - a question, who asks it, and whether it is only priced
    template: str = typer.Argument(
        help="customers, usage, usage-bands, spend, spend-bands, pages, reach or staying."
    ),
    each: str = EACH,
    month: str = MONTH,
    epsilon: float = EPSILON,
    by: str = BY,
    price: bool = typer.Option(False, "--price", help="Say what it would cost, and ask nothing."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Make a report for ourselves; what was asked before is given again, and costs nothing."""
    from upheld.practice import noise
    from upheld.practices.reports import reports
    from upheld.practices.reports.questions import question

    provider = provider_of(settings_in(settings))
    gate = provider.gate.gate
    points = epsilon * noise.POINTS
    wanted = question(
        template, each, month, round(points) if 0 < points < 10**6 else 0, provider.today()
    )
    if price:
        with gate.together() as transaction:
            stored = reports.stored(transaction, wanted, reports.INSIDE)
        _print_price(wanted, costs=0 if stored else wanted.points, as_json=as_json)
        return
    with gate.together() as transaction:
        actor = actor_of(transaction, by)
        pages_of = reports.pages_by(provider)
        its = reports.ask(transaction, wanted, reports.INSIDE, actor=actor, pages_of=pages_of)
    _print(reports.complete(gate, its.report_id, pages_of), as_json=as_json)


@report.command("list")
def everything(settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """List all reports, the latest first."""
    from upheld.practices.reports import reports

    with provider_of(settings_in(settings)).gate.gate.look() as tables:
        rows = reports.every(tables)
    if as_json:
        print_json([_plain(each) for each in rows])
        return
    for each in rows:
        print(f"{each.report_id} {each.asked_at:%Y-%m-%d} {each.question.title()}: {each.state}")


@report.command()
def show(
    which: str = WHICH,
    method: bool = typer.Option(False, "--method", help="How it was made, signed."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Print a report as CSV, or the signed statement of how it was made; 1 while it is counted."""
    from upheld.practices.reports import reports
    from upheld.practices.reports.method import signed

    provider = provider_of(settings_in(settings))
    with provider.gate.gate.together() as transaction:
        its = reports.named(transaction.tables, ReportId(which))
        if method and its.answer:
            name = provider.policy.program.front.provider
            print(signed(transaction, name, its, its.answer), end="")
            return
    _print(its, as_json=as_json)


@report.command()
def budget(settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """Print what is left of the privacy budget of each period of which something was spent."""
    from upheld.practice import noise, privacy_budget

    provider = provider_of(settings_in(settings))
    with provider.gate.gate.look() as tables:
        spent = privacy_budget.spent(tables)
    most = privacy_budget.budget_of(provider.policy)
    rows = [
        {
            "period": period,
            "spent": points / noise.POINTS,
            "left": max(most - points, 0) / noise.POINTS,
        }
        for period, points in spent.items()
    ]
    if as_json:
        print_json(rows)
        return
    for each in rows:
        print(f"{each['period']}: {each['spent']:g} spent, {each['left']:g} left")


def _print_price(wanted: Question, *, costs: int, as_json: bool) -> None:
    from upheld.practice import noise
    from upheld.practices.reports.answers import precision

    how, its, epsilon = precision(wanted), wanted.its, costs / noise.POINTS
    if as_json:
        print_json(
            {
                "costs": epsilon,
                "periods": wanted.periods,
                "people_off": how.people_off,
                "total_off": how.total_off,
            }
        )
        return
    total = f", {its.unit} to within {how.total_off / its.parts:,.0f}" if its.bound else ""
    periods = ", ".join(wanted.periods)
    print(f"costs {epsilon:g} of {periods}; people to within {how.people_off:,}{total}")


def _print(its: AnonymousReport, *, as_json: bool) -> None:
    from upheld.practices.reports.method import csv_of

    if as_json:
        print_json(_plain(its))
    elif its.answer:
        print(csv_of(its.question, its.answer), end="")
    else:
        print("it is being counted")
    raise typer.Exit(0 if its.answer else 1)


def _plain(its: AnonymousReport) -> dict[str, object]:
    from upheld.practice import noise

    return {
        "id": its.report_id,
        "question": its.question.word,
        "purpose": its.purpose,
        "state": its.state,
        "epsilon": its.question.points / noise.POINTS,
        "lines": [
            {"key": each.key, "people": each.people, "total": each.total}
            for each in (its.answer.lines if its.answer else ())
        ],
        "people_off": its.answer.people_off if its.answer else None,
        "total_off": its.answer.total_off if its.answer else None,
    }

"""`upheld transparency` and `upheld safeguards`: what the public pages of those names say."""

from __future__ import annotations

from pathlib import Path

import typer

from upheld.cli.admin import SETTINGS, provider_of, settings_in
from upheld.cli.output import JSON, print_json


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(transparency)
    app.command()(safeguards)


def transparency(
    period: str = typer.Argument("", help="A half year such as 2026-H1; else the last one over."),
    as_csv: bool = typer.Option(False, "--csv", help="Print it as CSV."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Print the transparency report of half a year, as anybody may read it."""
    from upheld.practice.transparency import half_year, latest, transparency_report

    provider = provider_of(settings_in(settings))
    today = provider.clock.today()
    half = half_year(period, today) if period else latest(today)[0]
    report = transparency_report(provider, half)
    if as_json:
        print_json(report)
    elif as_csv:
        print(report.csv(), end="")
    else:
        print(f"{report.provider}, {report.first} to {report.last}")
        for each in report.lines:
            print(f"{each.what}, {each.outcome}: {each.count}")


def safeguards(settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """Print each safeguard with its state, as anybody may see it."""
    from upheld.practices.staff.public_safeguards import public_safeguards

    provider = provider_of(settings_in(settings))
    some = public_safeguards(provider, provider.clock.now())
    if as_json:
        print_json([each._asdict() for each in some])
        return
    for each in some:
        print(f"{each.title}: {each.state}. {each.text}")

"""`upheld article`: what customers read in their account, for everybody or for a group."""

from __future__ import annotations

from pathlib import Path

import typer

from upheld.cli.admin import SETTINGS, provider_of, settings_in
from upheld.cli.desk_options import BY, actor_of, read_text
from upheld.cli.output import JSON, print_json
from upheld.core.errors import UpheldError
from upheld.core.ids import ArticleId

article = typer.Typer(help="Articles that customers read.", no_args_is_help=True)
GROUP = typer.Option(
    [], "--group", help="Whom it is for, such as gender=women or age-range=18-24,25-34."
)


@article.command()
def write(
    title: str = typer.Argument(help="Its title."),
    text: str = typer.Option(..., "--text", help="The file with its text, or - for input."),
    group: list[str] = GROUP,
    by: str = BY,
    settings: Path | None = SETTINGS,
) -> None:
    """Show an article to everybody, or to those in a group, from now on, and print its id."""
    from upheld.practices.articles import articles

    criteria: dict[str, list[str]] = {}
    for dimension, choices in map(_criterion, group):
        criteria.setdefault(dimension, []).extend(choices)
    words = read_text(text, articles.TEXT_MAX, reader="A customer")
    with provider_of(settings_in(settings)).gate.gate.together() as transaction:
        actor = actor_of(transaction, by)
        print(articles.write(transaction, title, words, criteria, actor=actor).article_id)


@article.command()
def withdraw(
    which: str = typer.Argument(help="The id of the article."),
    by: str = BY,
    settings: Path | None = SETTINGS,
) -> None:
    """Show an article no more."""
    from upheld.practices.articles import articles

    with provider_of(settings_in(settings)).gate.gate.together() as transaction:
        articles.withdraw(transaction, ArticleId(which), actor=actor_of(transaction, by))
    print("withdrawn")


@article.command("list")
def everything(settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """List all articles, the latest first."""
    from upheld.practices.articles import articles

    with provider_of(settings_in(settings)).gate.gate.look() as tables:
        rows = articles.every(tables)
    if as_json:
        print_json(
            [
                {
                    "id": each.article_id,
                    "title": each.title,
                    "group": each.criteria,
                    "shown": each.withdrawn_at is None,
                }
                for each in rows
            ]
        )
        return
    for each in rows:
        state = "withdrawn" if each.withdrawn_at else "shown"
        group = "; ".join(articles.describe(each.criteria)) or "everybody"
        print(f"{each.article_id} {each.title}, for {group}: {state}")


def _criterion(text: str) -> tuple[str, list[str]]:
    """A dimension and its bands; UpheldError for text that is not written so."""
    dimension, equals, words = text.partition("=")
    if not equals or not words:
        raise UpheldError(
            "a group is written like gender=women", code="usage", hint="a word, =, and its bands"
        )
    return dimension, words.split(",")

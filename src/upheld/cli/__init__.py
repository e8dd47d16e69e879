"""The verbs of upheld for people, one module a group.

Exit codes everywhere: 0 yes, 1 no, 2 wrong use. A user's mistake is answered, never a traceback.
"""

from __future__ import annotations

import errno
import io
import os
import sys

import typer

from upheld.cli import (
    analysis,
    asking,
    backup,
    bulk,
    jobs,
    mutating,
    public_reports,
    reading,
    screening,
    serving,
)
from upheld.cli.ad import ad
from upheld.cli.admin import admin
from upheld.cli.agreement import agreement
from upheld.cli.article import article
from upheld.cli.beacon import beacon
from upheld.cli.bounce import bounce
from upheld.cli.collect import collect
from upheld.cli.delivery import delivery
from upheld.cli.extract import extract
from upheld.cli.feed import feed
from upheld.cli.incident import incident
from upheld.cli.keys import keys
from upheld.cli.ledger import ledger
from upheld.cli.legal import legal
from upheld.cli.output import complain
from upheld.cli.party import party
from upheld.cli.person import person
from upheld.cli.programme import programme
from upheld.cli.reply import reply
from upheld.cli.report import report
from upheld.cli.staff import staff
from upheld.cli.takeover import takeover
from upheld.cli.termination import termination
from upheld.cli.terms import terms
from upheld.cli.version import version
from upheld.cli.version_findings import sever as sever_version
from upheld.core.errors import UpheldError
from upheld.core.extras import missing_extra

app = typer.Typer(
    name="upheld",
    help="A privacy policy that runs: one Markdown file is the page, the decisions, the analysis.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(show: bool) -> None:
    if show:
        import upheld

        print(upheld.__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    pass


for _group in (reading, asking, analysis, mutating, bulk, screening, serving, jobs, public_reports):
    _group.register(app)
backup.register(admin)
admin.command("bounce")(bounce)
admin.command("reply")(reply)
app.add_typer(admin, name="admin")
app.add_typer(agreement, name="agreement")
app.add_typer(beacon, name="beacon")
app.add_typer(delivery, name="delivery")
app.add_typer(collect, name="collect")
app.add_typer(incident, name="incident")
app.add_typer(keys, name="keys")
app.add_typer(ledger, name="ledger")
app.add_typer(legal, name="legal")
app.add_typer(takeover, name="takeover")
app.add_typer(feed, name="feed")
app.add_typer(party, name="party")
app.add_typer(person, name="person")
app.add_typer(programme, name="programme")
app.add_typer(article, name="article")
app.add_typer(extract, name="extract")
app.add_typer(report, name="report")
app.add_typer(ad, name="ad")
app.add_typer(staff, name="staff")
app.add_typer(termination, name="termination")
version.command("sever")(sever_version)
app.add_typer(terms, name="terms")
app.add_typer(version, name="version")


def main() -> None:
    """Run the command line; the entry point of the `upheld` program."""
    if sys.stdout is None:
        sys.exit(2)  # closed by whoever started us: there is nobody to answer
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal may lack a letter
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except UpheldError as error:
        complain(error, as_json="--json" in sys.argv)
        sys.exit(2)
    except ImportError as error:  # of a library that an extra brings
        if (missing := missing_extra(error)) is None:
            raise
        complain(missing, as_json="--json" in sys.argv)
        sys.exit(2)
    except OSError as error:  # what we said could not be written, and whoever asked may have gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno != errno.EPIPE:
            sys.stderr.write(f"the output cannot be written: {error.strerror}\n")
        sys.exit(2)

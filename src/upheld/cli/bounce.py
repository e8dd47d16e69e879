"""`upheld admin bounce`: what a mail server sent back, noted on the message that it is about."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from upheld.cli.admin import SETTINGS, gate_of, settings_in
from upheld.cli.output import JSON, print_json
from upheld.core.errors import UpheldError


def bounce(
    report: str = typer.Argument(..., help="A report as the mail server sent it; - for stdin."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Note that a message came back, by the mail server's report of it (RFC 3464).

    Let the mailbox of `mail_from` hand each report to this command; managers see it at their desk.
    """
    from upheld.practices.messages import bounces

    report_of_bounce = bounces.read(mail_bytes(report, bounces.REPORT_MAX))
    gate = gate_of(settings_in(settings))
    with gate.together() as transaction:
        message = bounces.note(transaction, report_of_bounce)
    if as_json:
        print_json({"message": message, "status": report_of_bounce.status})
    else:
        print(f"{message}: came back with {report_of_bounce.status}")


def mail_bytes(source: str, bytes_max: int) -> bytes:
    """A message of a file, or of standard input for `-`; of a longer one, one byte too many."""
    if source == "-":
        return sys.stdin.buffer.read(bytes_max + 1)
    try:
        with Path(source).open("rb") as file:
            return file.read(bytes_max + 1)
    except OSError as error:
        raise UpheldError(
            f"{source} cannot be read: {error.strerror}",
            code="unreadable",
            hint="name the file of one message",
        ) from None

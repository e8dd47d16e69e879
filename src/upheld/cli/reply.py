"""`upheld admin reply`: a customer's reply by mail, put into the ticket that it is about."""

from __future__ import annotations

from pathlib import Path

import typer

from upheld.cli.admin import SETTINGS, provider_of, settings_in
from upheld.cli.bounce import mail_bytes
from upheld.cli.output import JSON, print_json
from upheld.core.errors import UpheldError


def reply(
    message: str = typer.Argument(..., help="A message as the mail server got it; - for stdin."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Take in a customer's reply by mail; what machines send is dropped, and no error.

    Let the mailbox of `help_address`, with whatever follows a plus sign, hand each message to this
    command.
    """
    from upheld.practices.help import inbound

    configuration = settings_in(settings)
    if not configuration.help_address:
        raise UpheldError(
            "no replies are taken in by mail",
            code="reply",
            hint="set `help_address` to the address that this mail comes to",
        )
    inbound_reply = inbound.read(mail_bytes(message, inbound.MAIL_MAX), configuration.help_address)
    outcome = "dropped"
    if not inbound_reply.is_automatic:
        provider = provider_of(configuration)
        with provider.gate.gate.together() as transaction:
            result = inbound.take_in(provider, transaction, inbound_reply)
        if isinstance(result, inbound.ReplyError):
            raise result
        outcome = "taken in" if result else "taken in before"
    if as_json:
        print_json({"reply": outcome})
    else:
        print(outcome)

"""A message out of its template: a subject, and blocks that are named by their purpose.

What a block says is sent only if the policy lets us write to this person for the block's purpose: a
line of advertising in an invoice's message is left out for whoever opted out of offers. The text is
CommonMark; the HTML part is made from it, so that both say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache
from typing import NamedTuple

import jinja2
from markdown_it import MarkdownIt
from sqlalchemy import Connection

from upheld.core.errors import UpheldError
from upheld.practice.brings import Link, Provider
from upheld.vault.erasures import token
from upheld.web import sessions

SUBJECT = "subject"


class TemplateError(UpheldError):
    """A template of a message that is missing, or has no subject or nothing to say."""


class Composed(NamedTuple):
    """A message as it is sent: a subject and the text."""

    subject: str
    text: str


def blocks(provider: Provider, template: str) -> list[str]:
    """The purposes of a template's blocks; TemplateError where there is no such template."""
    found = _template(provider, template)
    return [name.replace("_", "-") for name in found.blocks if name != SUBJECT]


def compose(  # noqa: PLR0913, PLR0917 - what a message is made of
    provider: Provider, connection: Connection, template: str, person_id: str, name: str,
    words: Mapping[str, str], allowed: Callable[[str], bool],
) -> Composed:  # fmt: skip
    """Render a template for a person; `allowed` says for which purposes we may write to them."""
    found = _template(provider, template)

    def link(kind: str) -> str:
        made = _links(provider)[kind]
        keyring = provider.gate.gate.house.keyring
        whose = token(keyring, person_id) if made.outlives else person_id
        raw = sessions.mint(connection, kind, whose, made.lasts, provider.now())
        return f"{provider.settings.url}{made.path}/{raw}"

    def page(path: str) -> str:
        return f"{provider.settings.url}{path}"

    context = found.new_context(
        {"name": name, "words": words, "link": link, "page": page, "imprint": provider.imprint}
    )
    subject = " ".join("".join(found.blocks[SUBJECT](context)).split())
    told = [
        "".join(block(context)).strip() for at, block in found.blocks.items()
        if at != SUBJECT and allowed(at.replace("_", "-"))
    ]  # fmt: skip
    return Composed(subject, "\n\n".join(part for part in told if part) + "\n")


def _links(provider: Provider) -> dict[str, Link]:
    return {kind: told for each in provider.practices for kind, told in each.links.items()}


def _template(provider: Provider, template: str) -> jinja2.Template:
    practice, _, name = template.partition("/")
    try:
        found = provider.pages.plain.get_template(f"{practice}/mail/{name}.txt")
    except jinja2.TemplateNotFound:
        raise TemplateError(f"there is no template `{template}`", code="template",
                            hint="see the practice's templates/mail") from None  # fmt: skip
    if SUBJECT not in found.blocks or len(found.blocks) < 2:
        raise TemplateError(f"`{template}` has no subject, or nothing to say", code="template",
                            hint="give it both as blocks")  # fmt: skip
    return found


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False})


def mail(
    provider: Provider, composed: Composed, *, to: str, message_id: str, unsubscribe: str = ""
) -> EmailMessage:
    """The message to send; with `unsubscribe`, an address at which one click ends such messages.

    One-click unsubscribing is that of RFC 8058.
    """
    name, settings = provider.imprint.name, provider.settings
    made = EmailMessage()
    sender = settings.mail_from or settings.contact
    made["From"] = f'"{name}" <{sender}>'
    made["To"] = to
    made["Subject"] = composed.subject
    made["Date"] = format_datetime(provider.now())
    made["Message-ID"] = f"<{message_id}@{sender.rpartition('@')[2] or 'localhost'}>"
    made["Auto-Submitted"] = "auto-generated"
    foot = f"\n-- \n{name}" + "".join(f" · {each}" for each in _imprint(provider) if each)
    html = _markdown().render(composed.text)
    if unsubscribe:
        made["List-Unsubscribe"] = f"<{unsubscribe}>"
        made["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        foot += f"\n\nYou can end messages of this kind here: {unsubscribe}"
    made.set_content(composed.text + foot + "\n")
    page = provider.pages.text("messages/mail.html", body=html, subject=composed.subject,
                               unsubscribe=unsubscribe, imprint=provider.imprint)  # fmt: skip
    made.add_alternative(page, subtype="html")
    return made


def _imprint(provider: Provider) -> tuple[str, ...]:
    told = provider.imprint
    return told.address, told.phone, told.email

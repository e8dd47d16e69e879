"""A message out of its template: a subject, and blocks that are named by their purpose.

What a block says is sent only if the policy lets us write to this person for the block's purpose: a
line of advertising in an invoice's message is left out for whoever opted out of offers. The text is
CommonMark; the HTML part is made from it, so that both say the same. What a template says of
somebody is text in both: `markdown` escapes it, whatever it looks like.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final, NamedTuple
from urllib.parse import quote

import jinja2

from upheld.core.errors import UpheldError
from upheld.core.ids import MessageId, PersonId
from upheld.database.own_tables import Tables
from upheld.practice.plugin import MessageLink, Provider
from upheld.practices.messages import envelope
from upheld.web import markdown, sessions
from upheld.web.markdown import Written

SUBJECT = "subject"
BUTTON: Final = (
    "display:inline-block;padding:12px 20px;border-radius:6px;background:#0b5a4a;color:#ffffff;"
    "font-weight:600;text-decoration:none"
)
"""How a button looks in a mail program, of which many read no style sheet."""
IN_THE_MAIL = "(this link is only in the e-mail)"


class TemplateError(UpheldError):
    """A template of a message that is missing, or has no subject or nothing to say."""


class Composed(NamedTuple):
    """A message: a subject, the text as it is sent, as CommonMark, and as a copy of it is kept."""

    subject: str
    text: str
    markdown: str
    copy: str
    reply_to: str = ""  # the address for replies, where it is not that of who writes


def blocks(provider: Provider, template: str) -> list[str]:
    """The purposes of a template's blocks; TemplateError where there is no such template."""
    source = _template(provider, template)
    return [name.replace("_", "-") for name in source.blocks if name != SUBJECT]


def compose(  # noqa: PLR0913, PLR0917 - what a message is made of
    provider: Provider,
    tables: Tables,
    template: str,
    person_id: PersonId,
    name: str,
    words: Mapping[str, str],
    allowed: Callable[[str], bool],
) -> Composed:
    """Render a template for a person; `allowed` says for which purposes we may write to them.

    The copy has no links that work once, since it is read by others than who has the mailbox.
    """
    source = _template(provider, template)
    secrets: list[str] = []
    reply_to = provider.reply_address(template, words)

    def link(kind: str) -> Written:
        target = _links(provider)[kind]
        if target.sealed:
            raw = provider.seal_link(kind, person_id)
        else:
            whose = provider.gate.gate.token_of(person_id) if target.outlives else person_id
            raw = sessions.mint(tables, kind, whose, target.lasts, provider.now())
        secrets.append(f"{provider.settings.url}{target.path}/{raw}")
        return Written(secrets[-1])

    def page(path: str) -> Written:
        return Written(f"{provider.settings.url}{quote(path)}")

    context = source.new_context(
        {
            "name": name,
            "words": words,
            "link": link,
            "page": page,
            "button": markdown.button,
            "imprint": provider.imprint,
            "takes_replies": bool(reply_to),
            "greeting": _greeting(name),
            # A stranger's mail says no name that a program would make a link of.
            "greeting_of_stranger": _greeting("" if markdown.has_address(name) else name),
        }
    )
    subject = markdown.plain(" ".join("".join(source.blocks[SUBJECT](context)).split()))
    paragraphs = [
        "".join(block(context)).strip()
        for at, block in source.blocks.items()
        if at != SUBJECT and allowed(at.replace("_", "-"))
    ]
    text = "\n\n".join(part for part in paragraphs if part) + "\n"
    copy = plain = markdown.plain(text)
    for each in secrets:
        copy = copy.replace(f"<{each}>", IN_THE_MAIL).replace(each, IN_THE_MAIL)
    return Composed(subject, plain, markdown.escaped(text), copy, reply_to)


def _greeting(name: str) -> str:
    return f"Hello {name}" if name else "Hello"


def _links(provider: Provider) -> dict[str, MessageLink]:
    return {kind: link for each in provider.practices for kind, link in each.links.items()}


def _template(provider: Provider, template: str) -> jinja2.Template:
    practice, _, name = template.partition("/")
    try:
        source = provider.pages.plain.get_template(f"{practice}/mail/{name}.txt")
    except jinja2.TemplateNotFound:
        raise TemplateError(
            f"there is no template `{template}`",
            code="template",
            hint="add it to templates/mail of the practice",
        ) from None
    if SUBJECT not in source.blocks or len(source.blocks) < 2:
        raise TemplateError(
            f"`{template}` has no subject, or nothing to say",
            code="template",
            hint="give it a block `subject` and a block for each purpose",
        )
    return source


def mail(
    provider: Provider, composed: Composed, *, to: str, message_id: MessageId, unsubscribe: str = ""
) -> EmailMessage:
    """The message to send; with `unsubscribe`, an address at which one click ends such messages.

    One-click unsubscribing is that of RFC 8058.
    """
    name, settings = provider.imprint.name, provider.settings
    sender = settings.mail_from or settings.contact
    headers = {
        "Date": format_datetime(provider.now()),
        "Message-ID": f"<{message_id}@{envelope.domain_of(sender)}>",
        "Auto-Submitted": "auto-generated",
    }
    if composed.reply_to:
        headers["Reply-To"] = composed.reply_to
    if unsubscribe:
        headers |= {
            "List-Unsubscribe": f"<{unsubscribe}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }
    message = envelope.new_message((name, sender), to, composed.subject, headers)
    foot = f"\n-- \n{name}" + "".join(f" · {each}" for each in _imprint(provider) if each)
    html = markdown.with_buttons(markdown.html(composed.markdown), BUTTON)
    if unsubscribe:
        foot += f"\n\nUnsubscribe from messages of this kind: {unsubscribe}"
    message.set_content(composed.text + foot + "\n")
    page = provider.pages.text(
        "messages/mail.html",
        body=html,
        subject=composed.subject,
        unsubscribe=unsubscribe,
        imprint=provider.imprint,
    )
    message.add_alternative(page, subtype="html")
    return message


def _imprint(provider: Provider) -> tuple[str, ...]:
    imprint = provider.imprint
    return imprint.address, imprint.phone, imprint.email

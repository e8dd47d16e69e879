"""E-mail addresses: read by email-validator where they come in, built by `Address` at the way out.

An address is kept as people write it. It goes out with its domain as A-labels, which every mail
server takes; a local part that is not ASCII needs a server that knows SMTPUTF8.
"""

from __future__ import annotations

import re
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from functools import lru_cache
from typing import Final

from email_validator import EmailNotValidError, ValidatedEmail, validate_email

from upheld.core.errors import UpheldError

# What most addresses are made of: nothing in it means anything in a header, and it stays as it is.
_PLAIN: Final = re.compile(r"([a-z0-9_+-]{1,64}(?:\.[a-z0-9_+-]+)*)@([A-Za-z0-9.-]+)", re.ASCII)
_PLAIN_MAX: Final = 64  # so that no line is folded, and no part is too long
_WRONG: Final = "Write one address, as name@example.com."


class MailboxError(UpheldError):
    """A stored value that is not an address, so that nothing can be sent to it."""


def canonical(value: str) -> str:
    """One address that could be delivered to, as it is kept; ValueError with a sentence."""
    return plain(value) or _read(value)


def plain(value: str) -> str:
    """What `canonical` says of an address as most are written; empty for any other text."""
    if len(value) > _PLAIN_MAX or not (parts := _PLAIN.fullmatch(value)):
        return ""
    local, domain = parts.groups()
    whole = _domain(domain.lower())
    return f"{local}@{whole}" if whole else ""


@lru_cache(maxsize=4096)
def _domain(domain: str) -> str:
    """A domain of letters, digits, dots and hyphens as it is kept; empty for one that is none."""
    try:
        return _read(f"a@{domain}").partition("@")[2]
    except ValueError:
        return ""


def _read(value: str) -> str:
    """What `canonical` says of any address, however it is written."""
    try:
        mailbox = _validate(value)
        _refuse_unwritable(_build(mailbox, ""))
    except ValueError:  # also what the library raises
        raise ValueError(_WRONG) from None
    return mailbox.normalized


def address(value: str, name: str = "") -> Address:
    """The address to write into a header, with a name that people read; MailboxError for none."""
    try:
        header_address = _build(_validate(value), " ".join(name.split()))
        _refuse_unwritable(header_address)
    except ValueError:
        raise MailboxError(
            "a stored address is not a valid address",
            code="address",
            hint="correct it, then send again",
        ) from None
    return header_address


def _validate(value: str) -> ValidatedEmail:
    try:
        return validate_email(value, check_deliverability=False, test_environment=True)
    except EmailNotValidError:  # it repeats the address
        raise ValueError(_WRONG) from None


def _build(mailbox: ValidatedEmail, name: str) -> Address:
    return Address(name, username=mailbox.local_part, domain=mailbox.ascii_domain)


def _refuse_unwritable(header_address: Address) -> None:
    """ValueError unless a header with an address is read as that same address.

    A local part may look like an encoded word, which Python decodes: into another address, or into
    one that it cannot write.
    """
    trial = EmailMessage(policy.SMTPUTF8)
    trial["To"] = header_address
    addresses = [each.addr_spec for each in trial["To"].addresses]
    if addresses != [header_address.addr_spec] or f"{header_address.addr_spec}" not in _unfolded(
        trial
    ):
        raise ValueError(_WRONG)


def _unfolded(trial: EmailMessage) -> str:
    return trial.as_bytes().decode().replace("\r\n ", "")

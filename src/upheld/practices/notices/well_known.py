"""The small files that programs look for at known addresses: what we promise, and who to tell.

robots.txt lets the policy be read and keeps made-up questions out of indexes. gpc.json says whether
the policy itself treats Global Privacy Control as a choice: its clause decides, no setting.
security.txt (RFC 9116) is there once somebody is named who reads reports.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from upheld.core.clock import system_time
from upheld.core.errors import UpheldError
from upheld.policy.publish import AnsweringPolicy

ROBOTS = "User-agent: *\nAllow: /\nDisallow: /privacy/ask\nDisallow: /privacy/find\n"
SIGNAL, APPLY = "privacy-signal", "apply-privacy-signal"  # a fact and the act that it makes due
EXPIRES_DAYS = 180
CONTACTS = ("mailto:", "https://", "tel:")


def gpc(policy: AnsweringPolicy) -> dict[str, Any]:
    """Whether the policy owes it to whoever sends the signal to heed it, and since when."""
    words = policy.program.vocabulary
    heeds = False
    if SIGNAL in words.facts and APPLY in words.tree("action"):
        answer = policy.answer({"action": APPLY, "facts": {SIGNAL: True}})
        heeds = any(each.get("certain") for each in answer.get("owed", ()))
    try:
        return {"gpc": heeds, "lastUpdate": str(date.fromisoformat(policy.program.front.effective))}
    except ValueError:
        return {"gpc": heeds}


def checked_contact(contact: str) -> str:
    """The address for reports of weaknesses; UpheldError where it is none."""
    if contact and (not contact.startswith(CONTACTS) or not contact.isprintable()):
        raise UpheldError(
            "the contact for reports of weaknesses is not an address",
            code="usage",
            hint="give one that begins with mailto:, https:// or tel:",
        )
    return contact


def security(contact: str, policy_url: str) -> str:
    """security.txt as of today: whom to tell, and until when that holds."""
    until = system_time().replace(hour=0, minute=0, second=0, microsecond=0)
    until += timedelta(days=EXPIRES_DAYS)
    lines = [
        f"Contact: {contact}",
        f"Expires: {until:%Y-%m-%dT%H:%M:%SZ}",
        "Preferred-Languages: en",
    ]
    if policy_url.startswith("https://"):
        lines.append(f"Canonical: {policy_url.rstrip('/')}/.well-known/security.txt")
    return "\n".join(lines) + "\n"

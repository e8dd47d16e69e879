"""What a guardian is asked before a consent ends or is given anew: what follows from it."""

from __future__ import annotations

from typing import Final

from upheld.core.ids import PersonId
from upheld.practice.consequences import Confirmation
from upheld.practices.guardians import domain

GIVE: Final = "give"
WITHDRAW: Final = "withdraw"
_NAMES: Final = {
    "permission": "permission",
    "costs": "agreement to pay",
    "supervision": "supervision",
}
_ACCESS: Final = (
    "They are signed out everywhere at once, and cannot sign in without both of these.",
    "You no longer see their account either. Their services keep running, and keep their price.",
    "You can give it again at any time, and they can sign in again from then on.",
)
_ENDS: Final = {
    "permission": _ACCESS,
    "supervision": _ACCESS,
    "costs": (
        "What they used up to now is billed to you first.",
        "From then on nothing that they use is charged to you.",
    ),
}


def consent_confirmation(child_id: PersonId, what: str, how: str) -> Confirmation:
    """What it means to take one consent back, or to give it again."""
    here, name = f"/me/family/{child_id}", _NAMES[what]
    values = {"what": what, "how": how}
    if how == GIVE:
        text = [f"You say again: “{domain.KINDS[what][1]}”", "You can take it back at any time."]
        return Confirmation(f"Give your {name} again?", text, here, "Give it again", here, values)
    title = f"Take back your {name}?"
    return Confirmation(title, _ENDS[what], here, "Take it back", here, values, grave=True)


def sentence(what: str, how: str) -> str:
    """What was done, for the banner after it."""
    return f"You {'gave' if how == GIVE else 'took back'} your {_NAMES[what]}."

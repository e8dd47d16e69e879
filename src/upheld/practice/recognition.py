"""How our staff knew who called or wrote, before they opened a task on them.

It is one of a list, so that nothing personal is written into it; the customer reads it beside what
was opened, and colleagues in the task's history.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Recognition(NamedTuple):
    """A way to know who somebody is: as staff choose it, and as the customer reads it."""

    of_them: str
    of_you: str


RECOGNITIONS: Final = {
    "called-back": Recognition(
        "We called them back on the phone number that we have",
        "we called you back on the phone number that we have",
    ),
    "details": Recognition(
        "They answered questions that only they can answer",
        "you answered questions that only you can answer",
    ),
    "address": Recognition(
        "They wrote from the address that we have", "you wrote from the address that we have"
    ),
    "document": Recognition(
        "They showed us a document with their name and picture",
        "you showed us a document with your name and picture",
    ),
}

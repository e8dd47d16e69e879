"""Takes the links that work once out of copies of messages that were kept before they had none.

A migration ended all of those links and listed whose copies they may stand in: the copies are
sealed under keys that it does not have. This job opens them and writes them anew, a person at a
time, each in a transaction of its own, until nobody is left on the list.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Final

import msgspec

from upheld.core.ids import PersonId
from upheld.gate.gate import Gate
from upheld.gate.set_aside import trial_of
from upheld.practice.message_copies import MessageCopy
from upheld.practice.plugin import Provider
from upheld.practices.messages.compose import IN_THE_MAIL
from upheld.practices.messages.tables import redaction

BATCH: Final = 100
_NEXT: Final = (
    "person_id > ? AND EXISTS (SELECT 1 FROM person p WHERE p.person_id = redaction.person_id"
    " AND p.state = 'active') ORDER BY person_id LIMIT ?"
)
_COPY: Final = msgspec.json.Decoder(MessageCopy)


class RedactionJob:
    """The job."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def run(self, gate: Gate) -> int:
        """Write the copies of whoever is on the list anew; how many people."""
        after, count = "", 0
        pattern = self._pattern()
        with trial_of(gate, "copies with links") as trial:
            while True:
                with gate.look() as tables:
                    some, forged = tables.select_intact(redaction, _NEXT, after, BATCH)
                people = [each.person_id for each in some]
                for person in people:
                    count += trial.one(partial(self._one, gate, person, pattern), person) or 0
                last = max([*people, *forged], default="")
                if last <= after:
                    return count
                after = last

    def _one(self, gate: Gate, person_id: PersonId, pattern: re.Pattern[str]) -> int:
        """Write one person's copies anew."""

        def redacted(row: str) -> str:
            copy = _COPY.decode(row)
            text = pattern.sub(IN_THE_MAIL, copy.text)
            if text == copy.text:
                return row
            return msgspec.json.encode(msgspec.structs.replace(copy, text=text)).decode()

        with gate.together() as transaction:
            transaction.rewrite(person_id, "messages", redacted)
            transaction.tables.delete(redaction, "person_id = ?", person_id)
        return 1

    def _pattern(self) -> re.Pattern[str]:
        """What finds a link that works once, of any practice, in a text."""
        paths = {link.path for each in self.provider.practices for link in each.links.values()}
        alternatives = "|".join(re.escape(path) for path in sorted(paths))
        return re.compile(rf"<?[^\s<]*(?:{alternatives})/[A-Za-z0-9_-]{{16,}}>?")

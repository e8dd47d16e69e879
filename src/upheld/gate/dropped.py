"""Delete single values while their person stays, as somebody may ask, but what must be kept.

What must be kept is what an erasure of the person would keep: a clause lets it be stored only
because of something that is proven. What a law keeps and forbids to speak of is set aside, and it
is told as gone. The entry names the fields and the digests of their rows.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from upheld.core.errors import UpheldError
from upheld.gate import entries, forget
from upheld.gate.acting import Doing, House
from upheld.gate.keeping import BESIDES, Keeping, keeping
from upheld.gate.request import Act
from upheld.ledger.entries import Entry
from upheld.vault import dropping, people
from upheld.vault.erasures import Erased
from upheld.vault.people import Person

NOTHING = Keeping((), (), (), ())


class DropError(UpheldError):
    """Values of which it cannot be told whether they must be kept."""


def drop(
    house: House, connection: Connection, person_id: str, fields: Sequence[str]
) -> tuple[str, ...]:  # fmt: skip
    """Delete all that is held of some fields, but what must be kept; those that are gone now."""
    people.lock(connection, person_id)
    leaves = house.policy.engine.compiled.leaves["data"].bit
    fields = list(dict.fromkeys(fields))
    if known := tuple(field for field in fields if field in leaves):
        person, kept = _kept(house, connection, person_id, known)
    else:  # words of an older policy: nothing lets them be kept
        person, kept = people.opened(connection, house.keyring, person_id), NOTHING
    asked = [field for field in fields if field in person.holdings]
    stays = {field for each in kept.kept for field in each.data}
    gone = tuple(field for field in asked if field not in stays)
    if not gone:
        return ()
    at = house.clock.now()
    if kept.apart:
        bare = Erased("", 0, "", apart=kept.apart, apart_records=kept.apart_records)
        forget.set_aside(connection, house.keyring, bare, person, at)
    marks = tuple(person.holdings[field].mark for field in gone)
    dropping.drop(connection, person, gone)
    entry = Entry(kind="retention", time="", action="delete", policy=house.policy.digest,
                  data=gone, values=marks)  # fmt: skip
    entries.write(connection, entry, person_id, at)
    return gone


def _kept(
    house: House, connection: Connection, person_id: str, fields: tuple[str, ...]
) -> tuple[Person, Keeping]:
    """A person, and what of some fields must be kept, by the policy and what is proven."""
    doing = Doing(house, connection, Act(action="store", data=fields), entitled=True)
    proven, listed = doing.proven([person_id], BESIDES)
    person = doing.opened[person_id]
    known, _, problem = proven[person_id]
    if problem:
        raise DropError(f"whether it must be kept cannot be told: {problem}", code="erasure",
                        hint="upheld admin selfcheck; nothing was deleted")  # fmt: skip
    mine = [record for record in listed if record.person_id == person_id]
    held = [field for field in fields if field in person.holdings]
    return person, keeping(house.policy, held, known, mine, doing.at)

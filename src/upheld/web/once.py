"""What works once: links, codes, invitations, one-time passwords, keys of payments, approvals.

Whatever may be used once is used up by `spend`, in the transaction of the act that it allows. Of
twenty who come at once one gets True; an act that fails undoes its use with everything else. What
is kept of a use is a hash, for as long as the thing itself could still be shown to us.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256

from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables
from upheld.web.tables import spent


def spend(tables: Tables, kind: str, thing: str, until: datetime) -> bool:
    """Use something up; whether this is its first use. After `until` it must be refused anyway.

    `kind` says what it is, and `thing` which one: a secret or an id, of which a hash is kept.
    """
    mark = sha256(f"{kind}\x00{thing}".encode()).digest()
    return tables.insert_new(spent, mark=mark, until=microseconds(until))


def sweep(tables: Tables, at: datetime) -> int:
    """Delete the marks of what has run out; how many."""
    return tables.purge(spent, "until < ?", microseconds(at))

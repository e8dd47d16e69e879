"""The stores that `gdprbench.py` compares: a model in memory, plain tables, and the gate."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

import upheld
from upheld.database.statements import rows, run
from upheld.database.tables import BEGINNING
from upheld.database.transaction import reading, writing
from upheld.gate.gate import Gate
from upheld.gate.log.entries import of_person
from upheld.gate.transaction import GateTransaction

FIELDS = ("email", "phone", "name", "address", "gender", "occupation", "interests")
TO = "trusted-partner"
FieldValues = dict[str, str]
Agreed = tuple[str, str]  # a purpose, and a partner by name
Ends = dict[Any, int | None]  # on which day each ends that ends


class Model:
    """The truth, in memory."""

    def __init__(self) -> None:
        self.data: dict[int, FieldValues] = {}
        self.agreed: dict[int, dict[Agreed, int | None]] = {}
        self.whose: dict[Agreed, set[int]] = {}
        self.acts: Counter[int] = Counter()

    def fill(self, people: Sequence[tuple[int, FieldValues, Agreed]]) -> None:
        """New users with values, and their consent for one purpose."""
        for user, values, agreed in people:
            self.data[user], self.agreed[user] = dict(values), {agreed: None}
            self.whose.setdefault(agreed, set()).add(user)
            self.acts[user] += 1

    def put(self, user: int, field: str, value: str) -> None:
        """A new value of a field, or another."""
        self.data[user][field] = value
        self.acts[user] += 1

    def delete(self, user: int, field: str) -> None:
        """A value is gone."""
        del self.data[user][field]

    def own(self, user: int, field: str) -> str | None:
        """A value for its own user."""
        self.acts[user] += 1
        return self.data[user].get(field)

    def read(self, user: int, field: str, agreed: Agreed) -> str | None:
        """A value for a partner; None without the user's consent."""
        self.acts[user] += 1
        return self.data[user].get(field) if agreed in self.agreed[user] else None

    def by_purpose(self, agreed: Agreed) -> Ends:
        """Which users consent to a purpose and partner, and until when."""
        return {user: self.agreed[user][agreed] for user in self.whose.get(agreed, ())}

    def by_user(self, user: int) -> Ends:
        """What a user consents to, and until when."""
        return dict(self.agreed[user])

    def end(self, user: int | None, agreed: Agreed | None, day: int) -> int:
        """Bring forward the end of the consents of a user, or for a purpose; how many it was."""
        results = [
            (u, a)
            for u in ([user] if user is not None else self.whose.get(agreed, ()))  # type: ignore[arg-type] # one of them is said
            for a in ([agreed] if agreed else self.agreed[u])
        ]
        ended = 0
        for each, what in results:
            before = self.agreed[each][what]
            if before is None or before > day:
                self.agreed[each][what] = day
                ended += 1
        return ended

    def agree(self, user: int, agreed: Agreed) -> None:
        """A user consents to something more."""
        self.agreed[user][agreed] = None
        self.whose.setdefault(agreed, set()).add(user)

    def log(self, user: int) -> int:
        """How many acts on a user's data there were."""
        return self.acts[user]


class Lines:
    """A log of one line an operation in a file, synced; it knows where each user's lines are."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b", buffering=0)
        self._at: dict[int | None, list[int]] = {}
        self._end = 0

    def add(self, *lines: tuple[int | None, str]) -> None:
        """Lines of what was done about whom, on the disk when this returns."""
        raw = b""
        for user, what in lines:
            self._at.setdefault(user, []).append(self._end + len(raw))
            raw += b"%r %r %s\n" % (time.time(), user, what.encode())
        self._file.seek(self._end)
        self._file.write(raw)
        self._end += len(raw)
        os.fdatasync(self._file.fileno())

    def of(self, user: int) -> list[str]:
        """What was done about a user."""
        results = []
        for at in self._at.get(user, ()):
            raw = os.pread(self._file.fileno(), 100, at)
            results.append(raw[: raw.index(b"\n")].split()[2].decode())
        return results


class Plain:
    """Two tables; every operation with a row in a third, or with a line in a file, or neither."""

    def __init__(self, engine: Engine, *, logged: bool = False, lines: Lines | None = None) -> None:
        self.engine, self.logged, self.lines = engine, logged, lines
        with writing(engine) as connection:
            run(
                connection,
                "CREATE TABLE plain (usr BIGINT, field TEXT, data TEXT, src TEXT,"
                " ttl BIGINT, PRIMARY KEY (usr, field))",
            )
            run(connection, "CREATE INDEX plain_ttl ON plain (ttl)")
            run(
                connection,
                "CREATE TABLE agreed (usr BIGINT, purpose TEXT, shr TEXT, ends BIGINT,"
                " PRIMARY KEY (usr, purpose, shr))",
            )
            run(connection, "CREATE INDEX agreed_purpose ON agreed (shr, purpose)")
            run(connection, "CREATE TABLE log (usr BIGINT, at DOUBLE PRECISION, what TEXT)")
            run(connection, "CREATE INDEX log_usr ON log (usr)")

    def _do(
        self, user: int | None, what: str, work: Callable[[Any], Any], *, write: bool = True
    ) -> Any:
        opened = writing if write or self.logged else reading
        with opened(self.engine) as connection:
            results = work(connection)
            if self.logged:
                run(connection, "INSERT INTO log VALUES (?, ?, ?)", user, time.time(), what)
        if self.lines:
            self.lines.add((user, what))
        return results

    def fill(self, people: Sequence[tuple[int, FieldValues, Agreed]]) -> None:
        """As the model."""
        with writing(self.engine) as connection:
            for user, values, (purpose, partner) in people:
                for field, value in values.items():
                    _put(connection, user, field, value)
                run(connection, "INSERT INTO agreed VALUES (?, ?, ?, NULL)", user, purpose, partner)
                if self.logged:
                    run(connection, "INSERT INTO log VALUES (?, ?, 'act')", user, time.time())
        if self.lines:
            self.lines.add(*((user, "act") for user, _, _ in people))

    def put(self, user: int, field: str, value: str) -> None:
        """As the model."""
        self._do(user, "act", lambda c: _put(c, user, field, value))

    def delete(self, user: int, field: str) -> None:
        """As the model."""
        query = "DELETE FROM plain WHERE usr = ? AND field = ?"
        self._do(user, "delete", lambda c: run(c, query, user, field))

    def own(self, user: int, field: str) -> str | None:
        """As the model."""
        query = "SELECT data FROM plain WHERE usr = ? AND field = ?"
        results = self._do(user, "act", lambda c: rows(c, query, user, field), write=False)
        return results[0][0] if results else None

    def read(self, user: int, field: str, agreed: Agreed) -> str | None:
        """As the model."""
        query = (
            "SELECT data FROM plain JOIN agreed USING (usr) WHERE usr = ? AND field = ?"
            " AND purpose = ? AND shr = ? AND (ends IS NULL OR ends > ?)"
        )
        results = self._do(
            user, "act", lambda c: rows(c, query, user, field, *agreed, today()), write=False
        )
        return results[0][0] if results else None

    def by_purpose(self, agreed: Agreed) -> Ends:
        """As the model."""
        query = (
            "SELECT usr, ends FROM agreed WHERE purpose = ? AND shr = ?"
            " AND (ends IS NULL OR ends > ?)"
        )
        return dict(self._do(None, "meta", lambda c: rows(c, query, *agreed, today()), write=False))

    def by_user(self, user: int) -> Ends:
        """As the model."""
        query = "SELECT purpose, shr, ends FROM agreed WHERE usr = ? AND (ends IS NULL OR ends > ?)"
        results = self._do(user, "meta", lambda c: rows(c, query, user, today()), write=False)
        return {(purpose, partner): ends for purpose, partner, ends in results}

    def end(self, user: int | None, agreed: Agreed | None, day: int) -> int:
        """As the model."""
        where, values = ("purpose = ? AND shr = ?", agreed) if agreed else ("usr = ?", (user,))
        query = f"UPDATE agreed SET ends = ? WHERE {where} AND (ends IS NULL OR ends > ?)"
        return int(self._do(user, "meta", lambda c: run(c, query, day, *values, day)))

    def agree(self, user: int, agreed: Agreed) -> None:
        """As the model."""
        query = "INSERT INTO agreed VALUES (?, ?, ?, NULL)"
        self._do(user, "meta", lambda c: run(c, query, user, *agreed))

    def log(self, user: int) -> int:
        """As the model."""
        if self.lines:
            results = self.lines.of(user)
            self.lines.add((user, "meta"))
            return sum(what == "act" for what in results)
        query = "SELECT at, what FROM log WHERE usr = ?"
        results = self._do(user, "meta", lambda c: rows(c, query, user), write=False)
        return sum(what == "act" for _, what in results)


def _put(connection: Any, user: int, field: str, value: str) -> None:
    run(
        connection,
        "INSERT INTO plain VALUES (?, ?, ?, 'customer', ?) ON CONFLICT (usr, field)"
        " DO UPDATE SET data = excluded.data, ttl = excluded.ttl",
        user,
        field,
        value,
        today() + 730,
    )


def today() -> int:
    """The day, by its number."""
    return int(time.time() // 86_400)


class Gated:
    """The gate; each call is one transaction."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.person: dict[int, upheld.PersonId] = {}
        self.user: dict[str, int] = {}

    def fill(self, people: Sequence[tuple[int, FieldValues, Agreed]]) -> None:
        """As the model."""
        with self.gate.together() as transaction:
            for user, values, agreed in people:
                self.person[user] = transaction.enrol()
                self.user[self.person[user]] = user
                transaction.store(
                    self.person[user], values, source="customer", occasion="registration"
                )
                self._agree(transaction, user, agreed)

    def _agree(self, transaction: GateTransaction, user: int, agreed: Agreed) -> None:
        purpose, partner = agreed
        about = {"data": FIELDS, "purpose": [purpose], "recipient": [TO]}
        transaction.record(self.person[user], "consent", about=about, party=partner)

    def put(self, user: int, field: str, value: str) -> None:
        """As the model."""
        self.gate.store(
            self.person[user], {field: value}, source="customer", occasion="registration"
        )

    def delete(self, user: int, field: str) -> None:
        """As the model."""
        self.gate.drop(self.person[user], [field])

    def own(self, user: int, field: str) -> str | None:
        """As the model."""
        answer = self.gate.use(self.person[user], [field], purpose="rights-request")
        return answer[field] if field in answer.values else None

    def read(self, user: int, field: str, agreed: Agreed) -> str | None:
        """As the model."""
        purpose, partner = agreed
        try:
            answer = self.gate.share(
                self.person[user], [field], recipient=TO, purpose=purpose, party=partner
            )
        except upheld.Refused:
            return None
        return answer[field] if field in answer.values else None

    def by_purpose(self, agreed: Agreed) -> Ends:
        """As the model."""
        purpose, partner = agreed
        results = self.gate.records_in_force("consent", purpose=purpose, party=partner)
        return {self.user[each.person_id]: _day(each.ends) for each in results}

    def by_user(self, user: int) -> Ends:
        """As the model."""
        results = self.gate.records_in_force("consent", person_id=self.person[user])
        return {(each.about["purpose"][0], each.party): _day(each.ends) for each in results}

    def end(self, user: int | None, agreed: Agreed | None, day: int) -> int:
        """As the model."""
        until = BEGINNING + timedelta(days=day)
        if agreed:
            purpose, partner = agreed
            return len(
                self.gate.withdraw_all("consent", purpose=purpose, party=partner, until=until)
            )
        return len(self.gate.withdraw_all("consent", person_id=self.person[user or 0], until=until))

    def agree(self, user: int, agreed: Agreed) -> None:
        """As the model."""
        with self.gate.together() as transaction:
            self._agree(transaction, user, agreed)

    def log(self, user: int) -> int:
        """As the model; that somebody read it is an entry too."""
        with self.gate.together() as transaction:
            transaction.note(self.person[user], "account.read")
            results = of_person(transaction.connection, self.person[user])
        return sum(
            stored.entry.kind in ("act", "refusal") and stored.entry.action != "collect"
            for stored in results
        )


def _day(ends: int | None) -> int | None:
    return None if ends is None else ends // (86_400 * 10**6)

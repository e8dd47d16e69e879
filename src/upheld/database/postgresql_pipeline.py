"""Statements for PostgreSQL that travel together: sent at once, answered at once.

psycopg sends the statements of its pipeline one by one, so that the server wakes up for each before
the next has come; that costs more than the statements. Here they leave with the sync that ends them
(libpq's pipeline mode, by `psycopg.pq`), each prepared once a connection.
"""

from __future__ import annotations

import select
from collections.abc import Sequence
from functools import lru_cache
from itertools import count
from typing import Any, Final

Query = tuple[str, tuple[Any, ...]]  # a statement and its values
PREPARED_MAX: Final = 512  # statements; then all are forgotten
FORGET: Final[Query] = ("DEALLOCATE ALL", ())


class Answer:
    """What a statement gave: its rows, and how many it changed."""

    __slots__ = ("_rows", "rowcount")

    def __init__(self, rows: list[tuple[Any, ...]], rowcount: int) -> None:
        self._rows, self.rowcount = rows, rowcount

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Every row."""
        return self._rows

    def fetchone(self) -> tuple[Any, ...] | None:
        """The first row, if there is one."""
        return self._rows[0] if self._rows else None


class Pipeline:
    """The trips of one connection, which is psycopg's and stays usable as such between them.

    psycopg prepares nothing on it meanwhile: at a rollback it would make the server forget all.
    """

    def __init__(self, connection: Any) -> None:
        import psycopg  # noqa: PLC0415 - which is an extra
        from psycopg import adapt, errors, pq  # noqa: PLC0415 - which is an extra

        self._pg, self._status, self._bad = connection.pgconn, pq.ExecStatus, pq.ConnStatus.BAD
        self._failed = pq.TransactionStatus.INERROR
        self._failure, self._lost = errors.error_from_result, psycopg.OperationalError
        self._values, self._auto = adapt.Transformer(connection), adapt.PyFormat.AUTO
        self._names: dict[tuple[Any, ...], bytes] = {}  # by the statement and its values' types
        self._fresh: list[tuple[Any, ...]] = []  # those that were prepared in this trip
        self._number = count(1)
        self._poll = select.poll()
        self._poll.register(self._pg.socket, select.POLLIN)
        self._connection, self._threshold = connection, connection.prepare_threshold
        connection.prepare_threshold = None
        connection.execute(FORGET[0])
        connection.rollback()

    def close(self) -> None:
        """Leave the connection to psycopg again; there are no more trips on it."""
        self._connection.prepare_threshold = self._threshold

    def execute(self, queries: Sequence[Query]) -> list[Answer]:
        """Run statements in their order, in one trip; psycopg's error of the first that fails."""
        pg = self._pg
        self._fresh.clear()
        try:
            pg.enter_pipeline_mode()
            if len(self._names) >= PREPARED_MAX and pg.transaction_status != self._failed:
                self._names.clear()
                queries = (FORGET, *queries)
            result_counts = [self._send(query) for query in queries]
            pg.pipeline_sync()
            results, failed = self._results()
            if pg.status != self._bad:
                pg.exit_pipeline_mode()
        except BaseException:
            pg.finish()  # nobody could tell what the next answer belongs to
            raise
        if failed is not None:
            for key in self._fresh:  # of which nobody knows whether it came so far
                self._names.pop(key, None)
            raise self._failure(failed)
        answers, at = [], -1
        for each in result_counts:
            at += each
            answers.append(self._answer(results[at]))
        return answers[1:] if queries[:1] == (FORGET,) else answers

    def _send(self, query: Query) -> int:
        """Send a statement; how many results it will have."""
        statement, values = query
        if query is FORGET:
            self._pg.send_query_params(statement.encode(), None)
            return 1
        transformer = self._values
        parameters = transformer.dump_sequence(values, [self._auto] * len(values)) if values else []
        types, formats = (transformer.types or (), transformer.formats) if values else ((), [])
        key = (statement, *types)
        name, results = self._names.get(key), 1
        if name is None:
            name = self._names[key] = b"trip_%d" % next(self._number)
            self._fresh.append(key)
            self._pg.send_prepare(name, with_numbered_placeholders(statement), types)
            results = 2
        self._pg.send_query_prepared(name, parameters, formats, 1)
        return results

    def _results(self) -> tuple[list[Any], Any]:
        """The results up to the sync, and the first that tells of a failure."""
        pg = self._pg
        results: list[Any] = []
        while pg.flush():
            self._poll.modify(pg.socket, select.POLLIN | select.POLLOUT)
            self._poll.poll()
            self._poll.modify(pg.socket, select.POLLIN)
            pg.consume_input()
        failed = None
        while True:
            while pg.is_busy():
                self._poll.poll()
                pg.consume_input()
            result = pg.get_result()
            if result is None:  # the end of one statement's
                if pg.status != self._bad:
                    continue
                if failed is None:
                    raise self._lost("the connection was lost")
                return results, failed
            if result.status == self._status.PIPELINE_SYNC:
                return results, failed
            if result.status == self._status.FATAL_ERROR and failed is None:
                failed = result
            results.append(result)

    def _answer(self, result: Any) -> Answer:
        rows: list[tuple[Any, ...]] = []
        if result.ntuples:
            self._values.set_pgresult(result)
            rows = self._values.load_rows(0, result.ntuples, tuple)
        return Answer(rows, result.command_tuples or 0)


@lru_cache(maxsize=1024)
def with_numbered_placeholders(statement: str) -> bytes:
    """A statement with libpq's places for values."""
    first, *rest = statement.split("?")
    return (first + "".join(f"${at}{part}" for at, part in enumerate(rest, 1))).encode()

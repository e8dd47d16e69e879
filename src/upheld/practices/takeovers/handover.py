"""Handing over: the archive for the successor, its word that it has all of it, and the end here.

Only once the successor says how many accounts it has, and under which digest, are the accounts
closed here; what is held of them then goes by the policy's own times, as of any closed account.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from operator import attrgetter
from pathlib import Path
from typing import Final
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import msgspec

from upheld.core.files import new_file
from upheld.core.ids import ClosingId, PersonId, UserId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, placeholders
from upheld.gate.gate import Gate
from upheld.gate.transaction import Transaction
from upheld.practice.events import ACCOUNT_CLOSED
from upheld.practices.takeovers.closing import DONE, ENDED, MOVING, Closing, TakeoverError
from upheld.practices.takeovers.closings import COVERED, NAMED, Closings, require_role
from upheld.practices.takeovers.coverage import CLOSED, MOVED
from upheld.practices.takeovers.manifest import (
    MANIFEST,
    POLICY,
    AccountDigest,
    TransferArchiveError,
    TransferManifest,
)
from upheld.practices.takeovers.tables import takeover_account, takeover_parcel
from upheld.practices.takeovers.transfers import BATCH

HANDED_OVER: Final = (MOVING, ENDED)  # what had gone before a closing ended is the successor's
ACCOUNT_RECORD, ACCOUNT_FACT = "account", "account-closed"


class Handover:
    """What is handed over under the closings of a running provider."""

    def __init__(self, closings: Closings) -> None:
        self.closings = closings

    def write(self, gate: Gate, closing_id: ClosingId, path: Path, by: UserId) -> Closing:
        """Write the archive of a closing to a file that is not there yet; the closing then.

        TakeoverError while an account of it waits; TransferArchiveError where the file cannot be
        written. The file is whole before the closing has its digest: whatever stops this in
        between, it can be written again, and from the same accounts it has the same manifest.
        """
        with gate.together() as transaction:
            require_role(transaction.tables, by)
            closing = self.closings.require(transaction.tables, closing_id)
            self._require_moved(transaction.tables, closing)
            policy = transaction.policy
        with (
            new_file(path, TransferArchiveError) as out,
            ZipFile(out, "w", ZIP_STORED) as file,
        ):
            text = policy.program.source.encode()
            file.writestr(_info(POLICY, closing.effective), text)
            files = tuple(_write_accounts(gate, file, closing))
            manifest = TransferManifest(
                closing=closing.closing_id,
                kind=closing.kind,
                successor=closing.party,
                effective=closing.effective,
                policy=policy.digest,
                policy_sha256=sha256(text).hexdigest(),
                accounts=len(files),
                files=files,
            )
            body = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
            file.writestr(_info(MANIFEST, closing.effective), body)
        with gate.together() as transaction:
            now = self.closings.require(transaction.tables, closing_id)
            changes = {"handed": len(files), "digest": sha256(body).hexdigest()}
            return self.closings.change(transaction, now, "takeover.archive", by, changes)

    @staticmethod
    def _require_moved(tables: Tables, closing: Closing) -> None:
        if closing.state not in HANDED_OVER:
            raise TakeoverError(
                f"nothing is handed over under a closing that is {closing.state}",
                code="takeover-state",
                hint="`upheld takeover list` says how each stands",
            )
        ((count,),) = tables.select_unchecked(
            takeover_account,
            ["COUNT(*)"],
            "closing_id = ? AND state IN (?, ?)",
            closing.closing_id,
            NAMED,
            COVERED,
        )
        if count:
            raise TakeoverError(
                "accounts wait to be transferred, or for an erasure that comes first",
                code="takeover-state",
                hint="`upheld jobs` transfers them; an erasure is done on its day",
            )

    def confirm(
        self,
        transaction: Transaction,
        closing_id: ClosingId,
        accounts: int,
        digest: str,
        by: UserId,
    ) -> Closing:
        """Note that the successor has the last archive, by its own count and digest.

        TakeoverError where these are others than ours: then nothing is closed.
        """
        user = require_role(transaction.tables, by)
        closing = self.closings.require(transaction.tables, closing_id)
        if closing.state not in HANDED_OVER or not closing.digest:
            raise TakeoverError(
                "no archive of this closing waits to be confirmed",
                code="takeover-state",
                hint="write the archive first, with `upheld takeover archive`",
            )
        if (accounts, digest.strip().lower()) != (closing.handed, closing.digest):
            raise TakeoverError(
                "the successor has something else than what was handed over",
                code="takeover-differs",
                hint="compare the count and the digest; hand the archive over once more",
                field="digest",
            )
        at = microseconds(transaction.clock.now())
        changes = {"state": DONE, "ended": at, "ended_by": user.user_id}
        return self.closings.change(transaction, closing, "takeover.confirm", user.user_id, changes)

    def close(self, transaction: Transaction, closing: Closing, people: Sequence[PersonId]) -> int:
        """Close accounts that the successor has, and delete what was made up for it; how many."""
        present = transaction.lock_present(people)
        if closing.state != DONE or not present:
            return 0
        tables = transaction.tables
        where = f"closing_id = ? AND state = ? AND person_id IN ({placeholders(present)})"
        rows = tables.select(takeover_account, where, closing.closing_id, MOVED, *present)
        if not rows:
            return 0
        whose = sorted(PersonId(each.person_id) for each in rows)
        where = f"closing_id = ? AND person_id IN ({placeholders(whose)})"
        tables.delete(takeover_parcel, where, closing.closing_id, *whose)
        tables.rewrite(takeover_account, [(each, each._replace(state=CLOSED)) for each in rows])
        records, _ = transaction.records_of(whose, [ACCOUNT_RECORD])
        at = microseconds(transaction.clock.now())
        over = {  # by the customer, before
            each.person_id for each in records if each.fact == ACCOUNT_FACT and each.in_force(at)
        }
        still_open = [each for each in whose if each not in over]
        transaction.record_each(
            still_open,
            ACCOUNT_RECORD,
            fact=ACCOUNT_FACT,
            by_whom=closing.settled_by,
            how=closing.closing_id,
            actor=f"staff {closing.settled_by}",
        )
        for person_id in still_open:
            self.closings.provider.events.announce(transaction, ACCOUNT_CLOSED, person_id)
        return len(whose)


def _write_accounts(gate: Gate, file: ZipFile, closing: Closing) -> Iterator[AccountDigest]:
    """Write each account of a closing; the digest of each. One whose row was changed stops it."""
    number, after = 0, ""
    while True:
        with gate.look() as tables:
            whose = _next(tables, closing, after)
            if not whose:
                return
            after = whose[-1]
            of_them = f"person_id IN ({placeholders(whose)})"  # all of theirs, looked at once
            rows = tables.select(takeover_parcel, of_them, *whose)
        rows.sort(key=attrgetter("person_id"))
        for each in rows:
            if each.closing_id != closing.closing_id:
                continue
            number += 1
            name = f"accounts/{number:06}.age"
            file.writestr(_info(name, closing.effective), each.encrypted)
            yield AccountDigest(name, each.digest)


def _next(tables: Tables, closing: Closing, after: str) -> list[str]:
    """The next people whose accounts went, in the order of their ids.

    By either table, so that whose row was taken away from one is looked at for what is missing.
    """
    where = "closing_id = ? AND person_id > ? {} ORDER BY person_id LIMIT ?"
    some: set[str] = set()
    for table, more, values in (
        (takeover_account, "AND state = ?", (MOVED,)),
        (takeover_parcel, "", ()),
    ):
        condition = where.format(more)
        ids = tables.select_unchecked(
            table, ["person_id"], condition, closing.closing_id, after, *values, BATCH
        )
        some |= {each for (each,) in ids}
    return sorted(some)[:BATCH]


def _info(name: str, at: datetime) -> ZipInfo:
    """The entry of a file, of the same moment however often it is written."""
    return ZipInfo(name, at.timetuple()[:6])

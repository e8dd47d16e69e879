"""The provider's Master Terms, of which the policy is a part: their versions, and who accepted one.

The file that the settings name is the first version. From then on the database says which one is in
force: one person drafts a further version, another posts it. Each has a name and the SHA-256 of its
text. What a customer accepts is recorded by that digest.
"""

from __future__ import annotations

import logging
import re
import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from upheld.core.errors import UpheldError
from upheld.core.ids import NO_USER, DraftId, PersonId, UserId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.gate import Gate
from upheld.gate.transaction import Transaction
from upheld.practice.citations import VERSION
from upheld.practice.operators import MANAGER, User, find_active_user
from upheld.practice.tables import terms_acceptance, terms_text, terms_version
from upheld.web import once

_LOG = logging.getLogger("upheld.versions")
SAME: Final = "the version in force"
FIRST: Final = "1"  # the name of the version that the file of the settings is
ROLES: Final = ("counsel", MANAGER)
BYTES_MAX: Final = 1024 * 1024
NAME_MAX: Final = 40
_NAME: Final = re.compile(r"[\w][\w .-]*\Z")
_PART_OF: Final = re.compile(r"(?i),?\s+version\s+(?P<name>\S.*)\Z")
_MARK_LASTS: Final = timedelta(days=1)  # longer than two who post at once can take
_ACCOUNT, _CLOSED = "account", "account-closed"


class TermsError(UpheldError):
    """A version of the terms that cannot be drafted, posted, dropped or read."""


class TermsVersion(NamedTuple):
    """A version of the terms; its number is 0 for a draft, and for a file that is none yet."""

    number: int
    digest: str
    version: str
    posted_at: datetime | None = None
    drafted_by: UserId = NO_USER
    posted_by: UserId = NO_USER
    draft_id: DraftId = DraftId("")


class TermsText(NamedTuple):
    """A version, and its words."""

    edition: TermsVersion
    text: str


class UnreadTerms(NamedTuple):
    """The last version that a customer accepted, and the one in force, which is a later one."""

    last: TermsVersion
    newest: TermsVersion


class AcceptedTerms(NamedTuple):
    """A version that a customer accepted, and when; None where the text was never a version."""

    edition: TermsVersion | None
    digest: str
    at: datetime


def versions(tables: Tables) -> list[TermsVersion]:
    """Every version that was posted, the first one first."""
    return sorted((each for each in _all(tables) if each.number), key=lambda each: each.number)


def drafts(tables: Tables) -> list[TermsVersion]:
    """Every draft, by its name."""
    return sorted((each for each in _all(tables) if not each.number), key=lambda each: each.version)


def newest_number(tables: Tables) -> int:
    """The number of the version in force, unchecked: whoever shows or uses it reads the rows."""
    ((number,),) = tables.select_unchecked(terms_version, ["coalesce(max(number), 0)"])
    return int(number)


def in_force(tables: Tables, file: Path | None) -> TermsText | None:
    """The terms in force; the file of the settings before there is a version; None for neither."""
    posted = versions(tables)
    if posted:
        return TermsText(posted[-1], text_of(tables, posted[-1].digest))
    if file is None:
        return None
    text = file.read_text(encoding="utf-8")
    return TermsText(TermsVersion(0, _digest(text), ""), text)


def text_of(tables: Tables, digest: str) -> str:
    """The words of a version; TermsError where they are not those of its digest."""
    row = tables.get(terms_text, "digest = ?", digest)
    text = "" if row is None else row.text
    if row is None or _digest(text) != digest:
        raise TermsError(
            f"the database has no copy of the terms {digest[:12]}",
            code="terms-copy",
            hint="restore it from a backup",
        )
    return str(text)


def begin(transaction: Transaction, file: Path | None) -> None:
    """Let the file of the settings be the first version, unless there is one."""
    tables = transaction.tables
    if file is None or newest_number(tables):
        return
    text = file.read_text(encoding="utf-8")
    if not _spend(transaction, FIRST):
        return
    edition = TermsVersion(1, _digest(text), FIRST, transaction.clock.now())
    _write(tables, edition, text)
    transaction.note(None, "terms.first", actor="provider", evidence=(edition.digest,))


def take_first(gate: Gate, file: Path | None) -> None:
    """Post the file of the settings as the first version, if none is posted yet."""
    with gate.look() as tables:
        there = newest_number(tables)
    if file is not None and not there:
        with gate.together() as transaction:
            begin(transaction, file)


def warn_of_file(gate: Gate, file: Path | None) -> None:
    """Say in the log where the file of the settings is not the version in force.

    So is the policy, where it says that it is a part of another version.
    """
    if file is None:
        return
    with gate.look() as tables:
        there = file_state(tables, file)
        named = named_instead(tables, gate.policy.front.part_of)
    if there not in ("", SAME):
        _LOG.warning("%s is not the version of the terms in force: %s", file.name, there)
    if named:
        _LOG.warning("the policy is a part of another version of the terms: %s", named)


def file_state(tables: Tables, file: Path) -> str:
    """What a file is beside the version in force, in words; empty where none was posted.

    So it is where a row of a version was changed, which is for the self-check to say.
    """
    rows, _ = tables.select_intact(terms_version, "posted IS NOT NULL ORDER BY number DESC")
    if not rows:
        return ""
    try:
        digest = _digest(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return "it cannot be read as text"
    if digest == rows[0].digest:
        return SAME
    return f"another text, digest {digest[:12]}: `upheld terms draft` makes a draft of it"


def draft(transaction: Transaction, text: str, version: str, by: UserId) -> TermsVersion:
    """Keep a draft of a further version under a name of its own."""
    tables, user = transaction.tables, _user(transaction.tables, by)
    _require_begun(tables)
    if not text.strip() or len(text.encode()) > BYTES_MAX or "\0" in text:
        raise TermsError(
            "the terms are empty, too long, or no text",
            code="terms-text",
            hint=f"Markdown, of at most {BYTES_MAX:,} bytes",
        )
    if len(version) > NAME_MAX or not _NAME.match(version):
        raise TermsError(
            "a version has a name of letters, digits, dots and hyphens",
            code="terms-version",
            hint="2027-01-01, say",
        )
    new = TermsVersion(
        0, _digest(text), version, drafted_by=user.user_id, draft_id=DraftId(secrets.token_hex(16))
    )
    for each in _all(tables):
        if each.version == version or each.digest == new.digest:
            what = "is called so" if each.version == version else "has these very words"
            raise TermsError(
                f"version {each.version} {what} already",
                code="terms-version",
                hint="give it a name and words of its own" if each.number else "drop it first",
            )
    if not _write(tables, new, text):
        raise _meanwhile()
    _note(transaction, "terms.draft", user, new.digest)
    return new


def post(transaction: Transaction, name: str, by: UserId) -> TermsVersion:
    """Put a draft in force, as a second person."""
    tables, user = transaction.tables, _user(transaction.tables, by)
    there = _draft_named(tables, name)
    if there.drafted_by == user.user_id:
        raise TermsError(
            "whoever drafts a version does not post it",
            code="terms-second-person",
            hint="let somebody else do it",
        )
    posted = versions(tables)
    if any(each.version == there.version for each in posted):
        raise TermsError(
            f"version {there.version} was posted with other words",
            code="terms-version",
            hint="drop this one, and draft it under another name",
        )
    before = posted[-1]
    for step in (str(before.number + 1), there.draft_id):
        if not _spend(transaction, step):
            raise _meanwhile()
    edition = there._replace(
        number=before.number + 1, posted_at=transaction.clock.now(), posted_by=user.user_id
    )
    changes = {
        "number": edition.number,
        "posted": microseconds(transaction.clock.now()),
        "posted_by": user.user_id,
    }
    tables.update(terms_version, changes, "digest = ?", there.digest)
    _note(transaction, "terms.post", user, before.digest, edition.digest)
    return edition


def drop(transaction: Transaction, name: str, by: UserId) -> TermsVersion:
    """Give a draft up; its words are deleted."""
    tables, user = transaction.tables, _user(transaction.tables, by)
    there = _draft_named(tables, name)
    if not _spend(transaction, there.draft_id):
        raise _meanwhile()
    tables.delete(terms_version, "digest = ?", there.digest)
    tables.delete(terms_text, "digest = ?", there.digest)
    _note(transaction, "terms.drop", user, there.digest)
    return there


def accept(transaction: Transaction, person_id: PersonId, digest: str) -> None:
    """Record that somebody accepted the policy in force, and the terms with a digest if any.

    One entry says both, by their digests; the policy also by the name that people know it by.
    """
    policy = transaction.policy
    evidence = (policy.digest, digest) if digest else (policy.digest,)
    if version := policy.front.version:
        evidence = (*evidence, VERSION + version)
    transaction.note(person_id, "acceptance", actor="customer", evidence=evidence)
    if digest:
        at, where = microseconds(transaction.clock.now()), "person_id = ? AND digest = ?"
        if not transaction.tables.insert_new(
            terms_acceptance, person_id=person_id, digest=digest, at=at
        ):
            transaction.tables.update(terms_acceptance, {"at": at}, where, person_id, digest)


def accepted(tables: Tables, person_id: PersonId) -> list[AcceptedTerms]:
    """What somebody accepted, the last one first; nothing from before it was recorded so."""
    by_digest = {each.digest: each for each in versions(tables)}
    rows = tables.select(terms_acceptance, "person_id = ?", person_id)
    return [
        AcceptedTerms(by_digest.get(each.digest), each.digest, to_datetime(each.at))
        for each in sorted(rows, key=lambda each: each.at, reverse=True)
    ]


def unread(transaction: Transaction, person_id: PersonId) -> UnreadTerms | None:
    """Which version somebody has not accepted yet; None for nothing, or a closed account.

    Whose acceptance is from before it was recorded so has accepted the first.
    """
    if newest_number(transaction.tables) < 2:
        return None
    posted = versions(transaction.tables)
    numbers = [
        each.edition.number for each in accepted(transaction.tables, person_id) if each.edition
    ]
    last = max(numbers, default=1)
    if last == posted[-1].number:
        return None
    records, _ = transaction.records_of([person_id], [_ACCOUNT])
    at = microseconds(transaction.clock.now())
    if any(each.fact == _CLOSED and each.in_force(at) for each in records):
        return None
    return UnreadTerms(posted[last - 1], posted[-1])


def version_named(part_of: str) -> str:
    """The version that the `part-of` of a policy names, as in `Master Terms, version 2`."""
    match = _PART_OF.search(part_of)
    return match["name"] if match else ""


def named_instead(tables: Tables, part_of: str) -> str:
    """Which version a `part-of` names in place of the one in force, in words; empty where none.

    So it is where a row of a version was changed, which is for the self-check to say.
    """
    rows, _ = tables.select_intact(terms_version, "posted IS NOT NULL ORDER BY number DESC")
    name = version_named(part_of)
    if not name or not rows or rows[0].version == name:
        return ""
    now = rows[0].version
    return f"it names {name}, and {now} is in force; draft a policy that names version {now}"


def require_part_of(tables: Tables, part_of: str) -> None:
    """TermsError where the `part-of` of a policy names a version that was not posted.

    Before any was, it may name the first, which the file of the settings becomes.
    """
    name = version_named(part_of)
    posted = [each.version for each in versions(tables)] if name else []
    if name and name not in (posted or [FIRST]):
        raise TermsError(
            f"it is a part of version {name} of the terms, which was not posted",
            code="version-terms",
            hint="post that version first, by `upheld terms`, or name another as `part-of`",
        )


def _all(tables: Tables) -> list[TermsVersion]:
    return [
        TermsVersion(
            each.number,
            each.digest,
            each.version,
            None if each.posted is None else to_datetime(each.posted),
            each.drafted_by,
            each.posted_by,
            each.draft_id,
        )
        for each in tables.select(terms_version)
    ]


def _draft_named(tables: Tables, name: str) -> TermsVersion:
    """The draft of a name, or whose digest begins so."""
    matches = [
        each
        for each in drafts(tables)
        if name and (each.version == name or each.digest.startswith(name))
    ]
    if len(matches) != 1:
        raise TermsError(
            "several drafts are called so"
            if matches
            else "there is no draft of the terms so named",
            code="terms-draft",
            hint="`upheld terms list` tells the name and the digest of each",
        )
    return matches[0]


def _require_begun(tables: Tables) -> None:
    if not newest_number(tables):
        raise TermsError(
            "this provider has no terms",
            code="terms-first",
            hint="name the file of the first version as `agreement` in the settings",
        )


def _user(tables: Tables, user_id: UserId) -> User:
    """Whoever does it; TermsError unless they work here and their role lets them."""
    user = find_active_user(tables, user_id)
    if user is None or user.kind != "staff" or not {*ROLES} & {*user.roles}:
        raise TermsError(
            f"the terms are for the roles {' and '.join(ROLES)}",
            code="terms-role",
            hint="ask somebody who has one of them",
        )
    return user


def _spend(transaction: Transaction, step: str) -> bool:
    """Whether nobody took a step before: of several who do at once, one does."""
    until = transaction.clock.now() + _MARK_LASTS
    return once.spend(transaction.tables, "terms", step, until)


def _meanwhile() -> TermsError:
    return TermsError(
        "somebody else did it first", code="terms-draft", hint="`upheld terms list` tells the rest"
    )


def _write(tables: Tables, edition: TermsVersion, text: str) -> bool:
    """Keep a version and its words; whether there was none of that digest."""
    columns: dict[str, Any] = edition._asdict()
    at = columns.pop("posted_at")
    posted = None if at is None else microseconds(at)
    tables.insert_new(terms_text, digest=edition.digest, text=text)
    return tables.insert_new(terms_version, **columns, posted=posted)


def _note(transaction: Transaction, kind: str, user: User, *digests: str) -> None:
    transaction.note(None, kind, actor=f"staff {user.user_id}", evidence=digests)


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()

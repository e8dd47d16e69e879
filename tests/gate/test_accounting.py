"""Receipts and the account out of the database, and the audit that names whatever was changed."""

from __future__ import annotations

import random
import re
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

import upheld
from gate.conftest import customer
from gate.test_covering import add, cover
from gate.test_faults import flipped
from gate.test_gate import TO_PARTNER
from ledger.logs import OTHER, SIGNER
from sizes import size
from upheld.database.statements import rows
from upheld.database.transaction import reading, writing
from upheld.demo import sample_policy
from upheld.gate.gate import Gate
from upheld.gate.log.audit import AuditReport, audit
from upheld.gate.log.database_log import LogError
from upheld.gate.log.receipts import AccountLine, AccountQuery, account, receipt, receipt_of
from upheld.gate.log.sentence_words import RECORDS, SENTENCES, STEPS
from upheld.gate.log.sentences import entry_sentence
from upheld.ledger.entries import Entry
from upheld.ledger.verify import verify_receipt, write_receipt
from upheld.policy.load import load

FLIPS = size("flipped bytes of each column of the ledger", short=4, long=60)
TIME = "2026-03-03T10:00:00.000000Z"
WORDS = st.text("abcdefghij-", min_size=1, max_size=12)


def audited(engine: Engine, since: bytes | None = None) -> AuditReport:
    """What an audit of the database finds."""
    with reading(engine) as connection:
        return audit(connection, SIGNER.key, since)


def lines(gate: Gate, **words: object) -> list[AccountLine]:
    """An account, with proofs."""
    with reading(gate.engine) as connection:
        wanted = msgspec.convert(words, AccountQuery)
        return list(account(connection, gate.context.policy, wanted, proofs=True))


def change(engine: Engine, *statements: str) -> None:
    """Changes past everything that guards the rows."""
    with writing(engine) as connection:
        for statement in statements:
            assert connection.execute(text(statement)).rowcount, statement


def test_a_receipt_proves_a_persons_own_entry_and_no_other(gate: Gate, person: str) -> None:
    """It verifies by the public key alone; another's entry is refused in the words for none."""
    other = customer(gate)
    own = gate.use(person, ["email"], purpose="billing").entry
    with pytest.raises(LogError, match="no checkpoint yet"):
        receipt(gate, person, own)
    cover(gate.engine)
    own_receipt = write_receipt(receipt(gate, person, own))
    entry, checkpoint = verify_receipt(own_receipt, SIGNER.key)
    assert (entry.action, checkpoint.origin) == ("use", SIGNER.name)
    assert checkpoint.size >= own
    texts = []
    for number in (own, own + 1_000):
        with pytest.raises(LogError) as caught:
            receipt(gate, other, number)
        assert caught.value.code == "no-entry"
        texts.append(str(caught.value).replace(str(number), "N"))
    assert texts[0] == texts[1]
    later = gate.use(person, ["email"], purpose="billing").entry
    with pytest.raises(LogError, match="not covered by a checkpoint yet"):
        receipt(gate, person, later)


def test_a_receipt_of_a_batch_tells_nothing_of_who_else_was_in_it(gate: Gate) -> None:
    """Each of a batch gets it; no id is in it, and no guess of the ids can be tried."""
    from upheld.gate.log.entries import _mark
    from upheld.ledger.note import from_base64

    everybody = [customer(gate) for _ in range(2)]
    result = gate.sweep("use", everybody, ["email"], purpose="billing")
    number = next(iter(result.values())).entry
    assert number is not None
    cover(gate.engine)
    for person in everybody:
        own_receipt = receipt(gate, person, number)
        raw = write_receipt(own_receipt)
        verify_receipt(raw, SIGNER.key)
        assert not [each for each in everybody if each.encode() in raw]
        assert own_receipt.entry.batch is not None
        assert own_receipt.entry.batch.count == 2
        salt = from_base64(own_receipt.salt, "salt")
        assert own_receipt.entry.batch.rows != _mark(salt, *sorted(everybody))
    assert audited(gate.engine).ok


def test_an_account_tells_what_was_done_by_person_clause_party_and_day(gate: Gate) -> None:
    """Every line is an entry in words, with a receipt that verifies."""
    person, other = customer(gate), customer(gate)
    gate.record(
        person,
        "consent",
        by_whom="customer",
        how="form",
        about={"data": ["email"], "purpose": ["offers"], "recipient": ["business-partner"]},
    )
    gate.share(person, ["email"], party="acme", **TO_PARTNER)
    gate.use(other, ["email"], purpose="billing")
    cover(gate.engine)
    gate.use(person, ["email"], purpose="billing")
    mine = lines(gate, person_id=person)
    assert [each.number for each in mine] == [stored.number for stored in gate.entries(person)]
    assert all(each.receipt for each in mine[:-1])
    assert mine[-1].receipt is None
    for each in mine[:-1]:
        assert each.receipt is not None
        assert verify_receipt(write_receipt(each.receipt), SIGNER.key)[0] == each.entry
    (shared,) = lines(gate, person_id=person, party="acme")
    today = gate.context.clock.now()
    assert shared.text == (
        f"On {today.day} {today:%B %Y} we shared your e-mail address with a business partner, acme,"
        " for offers, by #permission"
    )
    assert lines(gate, clause="permission", party="business-partner") == [
        msgspec.structs.replace(shared, text=shared.text.replace("your", "a customer's"))
    ]
    assert lines(gate, person_id=other, party="acme") == []
    assert lines(gate, since=today + timedelta(days=1)) == []
    assert lines(gate, until=today - timedelta(days=1)) == []
    assert len(lines(gate)) > len(mine)


def test_violations_are_listed(gate: Gate) -> None:
    """What was held although no clause allowed it is found among everything else."""
    customer(gate)
    with gate.together() as transaction:
        assert transaction.bring(transaction.enrol(), {"mail-content": "hello"})
    cover(gate.engine)
    (line,) = lines(gate, violations=True)
    assert "no clause allowed it" in line.text
    assert line.entry.kind == "import"
    assert line.receipt is not None


def test_an_untouched_ledger_is_whole(gate: Gate, person: str) -> None:
    """Entries, batches, late ones not yet covered and every checkpoint: nothing is found."""
    assert not audited(gate.engine).checkpoints
    cover(gate.engine)
    add(gate.engine, 300)
    cover(gate.engine)
    gate.sweep("use", [person, customer(gate)], ["email"], purpose="billing")
    report = audited(gate.engine)
    assert report.findings == ()
    assert (report.ok, report.checkpoints) == (True, 2)
    assert report.entries > report.covered > 300


MOVED = (
    "UPDATE entry SET number = -1 WHERE number = 7",
    "UPDATE entry SET number = 7 WHERE number = 8",
    "UPDATE entry SET number = 8 WHERE number = -1",
)
SHIFTED = (
    "DELETE FROM entry WHERE number = 5",
    "UPDATE entry SET number = 1 - number WHERE number > 5",
    "UPDATE entry SET number = -number WHERE number < 0",
)
INSERTED = (
    "UPDATE entry SET number = -1 - number WHERE number > 5",
    "UPDATE entry SET number = -number WHERE number < 0",
    "INSERT INTO entry SELECT 6, at, person_id, salt, leaf, leaf FROM entry WHERE number = 5",
)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (("DELETE FROM entry WHERE number = 5",), "entry 5 was removed"),
        (SHIFTED, "entry 5 was removed"),
        (MOVED, "entry 8 was moved to row 7"),
        (INSERTED, "row 6 was inserted"),
        (("UPDATE entry SET salt = leaf WHERE number = 9",), "entry 9"),
        (("UPDATE entry SET at = at + 1 WHERE number = 9",), "entry 9 is missing, or is not"),
        (("UPDATE entry SET person_id = NULL WHERE number = 2",), "entry 2 is missing, or is not"),
        (("DELETE FROM entry WHERE number > 20",), "entries 21 to "),
        (("DELETE FROM tile WHERE level = 1",), "tile/1/000"),
        (("UPDATE checkpoint SET size = size + 1 WHERE size > 200",), "its row is not what was"),
        (
            ("UPDATE checkpoint SET root = hashes FROM tile WHERE level = 1 AND size < 200",),
            "checkpoint of",
        ),
    ],
)
def test_what_was_changed_removed_moved_or_inserted_is_named(
    gate: Gate, changes: tuple[str, ...], named: str
) -> None:
    """By the number of the entry, the tile or the checkpoint, past everything that guards them."""
    customer(gate)
    add(gate.engine, 40)
    cover(gate.engine)
    add(gate.engine, 300)
    cover(gate.engine)
    change(gate.engine, *changes)
    report = audited(gate.engine)
    assert not report.ok
    assert any(named in str(each) for each in report.findings), report.findings


@pytest.mark.parametrize(
    ("table", "column", "key"),
    [
        ("entry", "body", "number"),
        ("entry", "salt", "number"),
        ("entry", "leaf", "number"),
        ("tile", "hashes", "level"),
        ("checkpoint", "root", "size"),
    ],
)
def test_a_flipped_byte_anywhere_in_the_ledger_is_found(
    gate: Gate, person: str, table: str, column: str, key: str
) -> None:
    """Every row, at its ends and in between; where an entry was changed, that one is named."""
    gate.use(person, ["email"], purpose="billing")
    cover(gate.engine)
    add(gate.engine, 300)
    cover(gate.engine)
    with reading(gate.engine) as connection:
        table_rows = rows(connection, f"SELECT {key}, {column} FROM {table} ORDER BY {key}")
    chance = random.Random(1)  # noqa: S311 - places to flip
    update = text(f"UPDATE {table} SET {column} = :raw WHERE {key} = :row AND {column} = :old")
    for row, raw in chance.sample(table_rows, min(len(table_rows), FLIPS)):
        old = bytes(raw)
        for at in {0, len(old) - 1, chance.randrange(len(old))}:
            wrong = flipped(old, at)
            with writing(gate.engine) as connection:
                connection.execute(update, {"raw": wrong, "row": row, "old": old})
            told_of = audited(gate.engine)
            assert not told_of.ok, (table, column, row, at)
            if table == "entry":
                assert row in {each.index for each in told_of.findings}
            with writing(gate.engine) as connection:
                connection.execute(update, {"raw": old, "row": row, "old": wrong})
    assert audited(gate.engine).ok


def test_a_history_made_anew_is_found_by_who_kept_a_checkpoint(gate: Gate) -> None:
    """Even who has the log's key cannot rewrite what somebody keeps a checkpoint of."""
    add(gate.engine, 30)
    cover(gate.engine)
    with reading(gate.engine) as connection:
        (note,) = (n for (n,) in rows(connection, "SELECT note FROM checkpoint"))
    assert audited(gate.engine, note.encode()).ok
    change(
        gate.engine,
        "DELETE FROM checkpoint",
        "DELETE FROM tile",
        "DELETE FROM entry WHERE number > 25",
    )
    assert not audited(gate.engine, note.encode()).ok
    cover(gate.engine)
    assert audited(gate.engine).ok
    report = audited(gate.engine, note.encode()).findings
    assert [each.message for each in report] == ["the log was cut: it had 30 entries and has 25"]
    add(gate.engine, 10)
    cover(gate.engine)
    assert "not those of the earlier checkpoint" in str(
        audited(gate.engine, note.encode()).findings
    )


def test_a_log_under_another_key_is_no_log_of_ours(gate: Gate) -> None:
    """Whoever puts their own key in the database is found by who knows the right one."""
    add(gate.engine, 3)
    cover(gate.engine)
    with reading(gate.engine) as connection:
        assert not audit(connection, OTHER.key).ok
    with writing(gate.engine) as connection:
        connection.execute(text("UPDATE log_name SET public_key = :key"), {"key": str(OTHER.key)})
    assert any("not signed by" in str(each) for each in audited(gate.engine).findings)
    with reading(gate.engine) as connection, pytest.raises(upheld.UpheldError):
        receipt_of(connection, 1)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            Entry(
                kind="act",
                time=TIME,
                action="share",
                data=("name", "balance"),
                recipient="collection-agent acme",
                purpose="debt-collection",
                occasion="other",
                clauses=("collecting-charges",),
            ),
            (
                "On 3 March 2026 we shared your name and balance with a collection agent, acme, for"
                " collecting what is owed, by #collecting-charges"
            ),
        ),
        (
            Entry(
                kind="refusal",
                time=TIME,
                action="sell",
                data=("cookie-id", "email"),
                recipient="advertiser",
                clauses=("confidential",),
            ),
            (
                "On 3 March 2026 we did not sell your e-mail address and our cookie to an"
                " advertiser: our policy does not allow it, by #confidential"
            ),
        ),
        (
            Entry(kind="act", time=TIME, action="contact", purpose="newsletter"),
            "On 3 March 2026 we decided to send you our newsletter",
        ),
        (
            Entry(
                kind="act",
                time=TIME,
                action="view",
                data=("email",),
                actor="staff bo",
                purpose="support",
            ),
            ("On 3 March 2026 our staff, bo, looked at your e-mail address for technical support"),
        ),
        (
            Entry(
                kind="act",
                time=TIME,
                action="view",
                data=("name",),
                actor="customer",
                purpose="support",
            ),
            "On 3 March 2026 you looked at your name for technical support",
        ),
        (Entry(kind="payment", time=TIME), "On 3 March 2026 your card payment went through"),
        (
            Entry(kind="record", time=TIME, action="withdraw consent"),
            "On 3 March 2026 we recorded that your permission no longer holds",
        ),
        (
            Entry(kind="record", time=TIME, action="withdraw consent", actor="customer"),
            "On 3 March 2026 you withdrew your permission",
        ),
        (
            Entry(kind="record", time=TIME, action="withdraw guardian-link", actor="guardian ruth"),
            ("On 3 March 2026 your parent or guardian, ruth, stopped supervising your account"),
        ),
        (
            Entry(kind="record", time=TIME, action="end guardian-link"),
            "On 3 March 2026 the supervision of your account ended",
        ),
        (
            Entry(kind="record", time=TIME, action="add opt-out", actor="customer"),
            "On 3 March 2026 you opted out",
        ),
        (
            Entry(kind="record", time=TIME, action="add task", actor="staff bo"),
            "On 3 March 2026 our staff, bo, took on a task about your account",
        ),
        (
            Entry(kind="record", time=TIME, action="add signal", actor="browser"),
            "On 3 March 2026 your browser sent a privacy signal",
        ),
        (
            Entry(kind="record", time=TIME, action="end request"),
            "On 3 March 2026 we closed your request",
        ),
        (
            Entry(kind="record", time=TIME, action="end service-order", actor="customer"),
            "On 3 March 2026 you ended a service",
        ),
        (
            Entry(kind="record", time=TIME, action="end service-order"),
            "On 3 March 2026 your order for a service ended",
        ),
        (
            Entry(kind="record", time=TIME, action="end task", actor="staff bo"),
            "On 3 March 2026 our staff, bo, ended their work on a task about your account",
        ),
        (
            Entry(kind="household", time=TIME, action="leave", actor="customer"),
            "On 3 March 2026 you changed who pays for an account of your household",
        ),
        (
            Entry(kind="payment", time=TIME, actor="staff bo"),
            "On 3 March 2026 our staff, bo, booked your payment",
        ),
        (
            Entry(kind="recall", time=TIME, actor="staff bo"),
            (
                "On 3 March 2026 our staff, bo, took your account back from the agent who"
                " collected for us"
            ),
        ),
        (
            Entry(kind="deletion", time=TIME, actor="collection-agent acme"),
            (
                "On 3 March 2026 a collection agent, acme, confirmed that they deleted"
                " what they had of you"
            ),
        ),
        (
            Entry(kind="password-reset", time=TIME, actor="guardian"),
            (
                "On 3 March 2026 your parent or guardian reset your password, so that"
                " you could choose another"
            ),
        ),
        (
            Entry(
                kind="sent", time=TIME, action="contact", purpose="newsletter", problem="no-copy"
            ),
            ("On 3 March 2026 we sent you our newsletter; we kept no copy of it"),
        ),
        (
            Entry(kind="record", time=TIME, action="add mailbox"),
            "On 3 March 2026 we added a record of your mailbox",
        ),
        (
            Entry(
                kind="act",
                time=TIME,
                action="collect",
                data=("messages", "mail-content"),
                source="provider",
            ),
            (
                "On 3 March 2026 we collected messages between you and us and the content"
                " of your mail"
            ),
        ),
        (
            Entry(kind="sent", time=TIME, action="contact", purpose="newsletter"),
            "On 3 March 2026 we sent you our newsletter",
        ),
        (
            Entry(kind="act", time=TIME, action="charge"),
            ("On 3 March 2026 we decided to charge the account holder for a minor's use"),
        ),
        (
            Entry(kind="acceptance", time=TIME, actor="customer"),
            "On 3 March 2026 you accepted the policy and the terms",
        ),
        (
            Entry(kind="household", time=TIME, action="join"),
            "On 3 March 2026 the payer for an account of your household changed",
        ),
        (
            Entry(kind="late", time=TIME, action="answer-access", clauses=("access",)),
            "On 3 March 2026 we were late to tell you what we hold about you, by #access",
        ),
        (
            Entry(kind="person", time=TIME),
            "On 3 March 2026 we made a key for what we would hold about you",
        ),
        (Entry(kind="sealed.away", time=TIME), "On 3 March 2026 we noted this: sealed away"),
    ],
)
def test_an_entry_is_told_in_words(policy: upheld.Policy, entry: Entry, said: str) -> None:
    """By the vocabulary's labels, to the person it is about."""
    assert entry_sentence(entry, policy) == said


POLICY = load(sample_policy())
PASSIVE = re.compile(r"\b(is|are|was|were|be|been)( \w+)? (\w+ed|noted|sent|made|taken|begun)\b")


@pytest.mark.parametrize("actor", ["", "customer", "staff bo", "guardian"])
def test_each_sentence_of_the_house_says_who_did_it(actor: str) -> None:
    """Whatever happened to an entry or a record of any kind is told in the active voice."""
    records = [f"{step} {kind}" for kind in (*RECORDS, "mailbox") for step in (*STEPS, "change")]
    entries = [Entry(kind=kind, time=TIME, actor=actor) for kind in (*SENTENCES, "new-kind")]
    entries += [Entry(kind="record", time=TIME, action=each, actor=actor) for each in records]
    entries += [
        Entry(kind=kind, time=TIME, actor=actor, action=action)
        for kind in ("act", "refusal", "late", "lapsed")
        for action in POLICY.program.vocabulary.tree("action")
    ]
    for entry in entries:
        told = entry_sentence(entry, POLICY).removeprefix("On 3 March 2026 ")
        main_clause = told.replace("to be tried again", "").partition(" that ")[0]
        assert not PASSIVE.search(main_clause), told
        assert not re.search(r"[{}]|\b(leted|transfered|infered)\b|  ", told), told
        assert told.split(maxsplit=1)[0] in {"we", "you", "your", "our", "a", "the"}


@pytest.mark.parametrize(
    ("action", "occasion", "said"),
    [
        ("serve", "", "we let you use our sites and services"),
        ("transfer", "", "we transferred your name"),
        ("collect", "registration", "we collected your name when you registered"),
        ("collect", "ad-view", "we collected your name when you saw an advertisement"),
    ],
)
def test_what_is_over_is_told_in_the_past(action: str, occasion: str, said: str) -> None:
    """Verbs that are irregular have their own past, and so has the occasion."""
    data = () if action == "serve" else ("name",)
    entry = Entry(kind="act", time=TIME, action=action, data=data, occasion=occasion)
    assert entry_sentence(entry, POLICY) == f"On 3 March 2026 {said}"


def test_others_read_of_a_customer_what_speaks_to_them(policy: upheld.Policy) -> None:
    """Who acts, whose it is and to whom it was done are told apart."""
    entry = Entry(
        kind="act",
        time=TIME,
        action="collect",
        data=("name", "messages"),
        source="customer",
        purpose="service-provision",
        occasion="service-use",
    )
    assert entry_sentence(entry, policy, whose="their") == (
        "On 3 March 2026 we collected their name and messages between them and us from them for"
        " providing services they asked for when they used our services"
    )


@given(
    st.sampled_from(["act", "refusal", "record", "late", "lapsed", "person", "new-kind"]),
    WORDS,
    st.lists(WORDS, max_size=4),
    WORDS,
)
def test_whatever_an_entry_says_it_can_be_told(
    kind: str, action: str, data: list[str], party: str
) -> None:
    """Words that the policy in force does not know are told as they stand."""
    entry = Entry(kind=kind, time=TIME, action=action, data=tuple(data), recipient=party)
    assert entry_sentence(entry, POLICY).startswith("On 3 March 2026 ")
    assert "your" not in entry_sentence(entry, POLICY, whose="their").split()

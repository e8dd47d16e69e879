"""A restore goes by the versions that the backup has, whatever the file of the settings says."""

from __future__ import annotations

from pathlib import Path

from gate.conftest import customer
from gate.test_backup import elsewhere, made
from gate.versions import WIDER, post_version
from upheld.database.engines import open_database
from upheld.database.transaction import reading
from upheld.gate.erasure import delete_fields, erase
from upheld.gate.gate import Gate
from upheld.gate.log import entries
from upheld.gate.operations.restore import RestoreOptions, restore
from upheld.policy.load import Policy
from upheld.vault.keyring import KeyFile, Keyring


def _unreadable() -> Policy:
    """What is asked of no file."""
    raise AssertionError


def test_a_restore_is_entered_by_the_version_of_the_backup(gate: Gate, tmp_path: Path) -> None:
    """Its log begins with that one, and what is erased and dropped again names it, no file's."""
    gate.take_first_version()
    first = gate.policy.digest
    gone, owes, stays = (customer(gate) for _ in range(3))
    gate.record(owes, "invoice", fact="account-unsettled")
    post_version(gate, "two", WIDER)
    copy = made(gate, tmp_path)
    erase.erase(gate, [gone, owes], now=True)
    gate.drop(stays, ["phone"])
    delete_fields.tell(gate)
    master = KeyFile(tmp_path / "master")
    keyring = Keyring.open(tmp_path / "keyring", master)
    words = RestoreOptions(keys=tmp_path / "escrow")
    report = restore(copy.path, elsewhere(tmp_path), _unreadable, keyring, master, words)
    assert (report.erased, report.problems) == (2, ())
    engine = open_database(elsewhere(tmp_path))
    with reading(engine) as connection:
        names = {
            kind: {each.policy for each in entries.of_kind(connection, kind)}
            for kind in ("restore", "erasure.replayed", "erasure.kept")
        }
    engine.dispose()
    assert names == {kind: {gate.policy.digest} for kind in names}
    assert gate.policy.digest != first
    there = Gate(open_database(elsewhere(tmp_path)), _unreadable, keyring)
    assert erase.certificates(there, gone)[0].policy == gate.policy.digest
    dropped = there.entries(stays)[-1].entry
    assert (dropped.action, dropped.data, dropped.policy) == (
        "delete",
        ("phone",),
        gate.policy.digest,
    )
    there.engine.dispose()

"""The file on disk, the copy in the database and what is served cannot differ unseen."""

from __future__ import annotations

import logging
import zlib
from pathlib import Path

import msgspec
import pytest

from gate.test_faults import problems
from gate.versions import WIDER, post, version
from upheld.app.posted import PostedLive
from upheld.database import rows as database
from upheld.database.seals import SealedError
from upheld.database.statements import run
from upheld.database.transaction import reading, writing
from upheld.gate import findings
from upheld.gate.editions import store
from upheld.gate.editions.policy_file import OFFERED, REFUSED, SAME
from upheld.gate.editions.store import EditionError
from upheld.gate.editions.tables import policy_copy, posted_version
from upheld.gate.gate import Gate
from upheld.gate.operations.selfcheck_job import SelfCheckRound
from upheld.policy.load import Policy, pack


def exchange(gate: Gate, digest: str, compiled: bytes) -> None:
    """Put other bytes in place of a copy, as whoever has the keys of the provider could."""
    with writing(gate.engine) as connection:
        database.update(connection, policy_copy, {"compiled": compiled}, "digest = ?", digest)


def forged(policy: Policy) -> bytes:
    """A copy that says it has the digest of a policy, and has another text."""
    text = policy.program.source.replace("We may change this policy", "We may change our policy")
    assert text != policy.program.source
    return zlib.compress(pack(Policy(msgspec.structs.replace(policy.program, source=text))))


def live(gate: Gate, path: Path) -> PostedLive[str]:
    """What serves the version in force beside a file; it serves the text itself."""
    return PostedLive(path, lambda policy: policy.program.source, gate)


@pytest.fixture(name="second")
def _second(gate: Gate) -> Gate:
    """A gate whose policy had two versions."""
    gate.context = gate.context.under(version("1"))
    post(gate, version("2", WIDER))
    return gate


@pytest.fixture(name="file")
def _file(second: Gate, tmp_path: Path) -> Path:
    """A file with the version in force."""
    path = tmp_path / "policy.md"
    path.write_text(second.policy.program.source)
    return path


@pytest.mark.parametrize("kind", ["forged", "damaged", "another"])
def test_a_copy_that_does_not_give_its_digest_is_not_obeyed(
    second: Gate, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """No process begins with it, also where the row has the mark of the provider's own keys."""
    copies = {
        "forged": forged(second.policy),
        "damaged": b"no copy",
        "another": zlib.compress(pack(version("1"))),
    }
    exchange(second, second.policy.digest, copies[kind])
    monkeypatch.setattr(store, "_LOADED", store._Loaded())  # another process
    with pytest.raises(EditionError) as caught:
        Gate(second.engine, version("file"), second.context.keyring, second.clock)
    assert caught.value.code == "version-copy"


def test_serving_does_not_begin_with_a_copy_that_is_not_whole(second: Gate, file: Path) -> None:
    """Also where this process has the version in mind, and would not read the copy."""
    assert live(second, file).now.built == second.policy.program.source
    exchange(second, second.policy.digest, forged(second.policy))
    with pytest.raises(EditionError) as caught:
        live(second, file)
    assert caught.value.code == "version-copy"


@pytest.mark.parametrize("sealed", [True, False])
def test_a_reload_says_that_the_copy_is_not_whole_and_serves_what_was_posted(
    second: Gate, file: Path, caplog: pytest.LogCaptureFixture, sealed: bool
) -> None:
    """Whoever changed it: with the keys of the provider, or in the database alone."""
    serving = live(second, file)
    assert serving.reload() == SAME
    before = second.policy
    if sealed:
        exchange(second, before.digest, forged(before))
    else:
        with writing(second.engine) as connection:
            statement = "UPDATE policy_copy SET compiled = ? WHERE digest = ?"
            run(connection, statement, forged(before), before.digest)
    with caplog.at_level(logging.ERROR):
        assert serving.reload() == REFUSED
    assert "the copy of the version in force is not whole" in caplog.text
    assert serving.current().built == before.program.source


def test_a_changed_file_is_only_an_offer(
    second: Gate, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Start, reload and self-check say that it is another text, and go on with what was posted."""
    serving, in_force = live(second, file), second.policy.program.source
    SelfCheckRound(file).look(second)
    assert "the version in force" not in caplog.text
    for text, state, says in (
        (version("3").program.source, OFFERED, "policy file is not the version in force"),
        ("no policy", REFUSED, "policy file refused"),
    ):
        file.write_text(text)
        caplog.clear()
        assert serving.reload() == state
        assert says in caplog.text
        caplog.clear()
        assert live(second, file).now.built == serving.current().built == in_force
        assert says in caplog.text
        caplog.clear()
        SelfCheckRound(file).look(second)
        assert "policy.md is not the version in force" in caplog.text
    assert problems(second) == ()


def test_the_self_check_names_each_version_whose_copy_is_not_whole(second: Gate) -> None:
    """An earlier one too; the job keeps it as a finding for staff, and fails."""
    with reading(second.engine) as connection:
        first, last = store.editions(connection)
    assert problems(second) == ()
    exchange(second, first.digest, b"no copy")
    exchange(second, last.digest, forged(second.policy))
    named = [
        f"version 1 of the policy: the copy of the policy {first.digest[:12]} cannot be read",
        f"version 2 of the policy: the copy of the policy {last.digest[:12]} is another one's",
    ]
    assert list(problems(second)) == named
    with pytest.raises(SealedError):
        SelfCheckRound().look(second)
    with reading(second.engine) as connection:
        assert sorted(each.text for each in findings.all_findings(connection)) == named


def test_the_self_check_compares_a_posting_with_its_entry(second: Gate) -> None:
    """A version that another entry says was posted is named, though its copy is whole."""
    with writing(second.engine) as connection:
        first, last = store.editions(connection)
        database.update(connection, posted_version, {"entry": first.entry}, "number = ?", 2)
    said = f"version 2 of the policy is not the one that entry {first.entry} says was posted"
    assert list(problems(second)) == [said]
    with writing(second.engine) as connection:
        database.update(connection, posted_version, {"entry": last.entry}, "number = ?", 2)
    assert problems(second) == ()

"""`upheld ledger` as a person uses it: answers, exit codes, and what is said to wrong use."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import NamedTuple

import pytest

from ledger.logs import ORIGIN, line
from upheld import cli
from upheld.ledger.signers import FileSigner, SignerServer


class Done(NamedTuple):
    """How a command ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


class Log:
    """A folder with a key, entries and an export, and the commands run in it."""

    def __init__(
        self, folder: Path, patch: pytest.MonkeyPatch, heard: pytest.CaptureFixture[str]
    ) -> None:
        self.folder = folder
        self._patch = patch
        self._heard = heard
        patch.chdir(folder)
        (folder / "log.pub").write_text(self.run("keygen", ORIGIN, "--out", "log.key").stdout)
        self.export(range(3))

    def run(self, *words: str) -> Done:
        """Run a command of `upheld ledger`, as the program does but in this process."""
        self._patch.setattr(sys, "argv", ["upheld", "ledger", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return Done(int(ended.value.code or 0), *self._heard.readouterr())

    def export(self, numbers: range | list[int], out: str = "log") -> Done:
        """Export entries."""
        (self.folder / "acts.jsonl").write_bytes(b"".join(line(number) for number in numbers))
        return self.run("export", "acts.jsonl", "--out", out, "--signer", "log.key")


@pytest.fixture(name="log")
def _log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Log:
    return Log(tmp_path, monkeypatch, capsys)


def test_an_export_is_written_and_verified(log: Log) -> None:
    """Export, verify, show and checkpoint answer in words and in JSON."""
    assert log.export(range(5)).stdout == f"log: 5 entries of {ORIGIN}\n"
    done = log.run("verify", "log", "--key", "log.pub")
    assert (done.returncode, done.stdout) == (
        0,
        f"log: ok: 5 entries of {ORIGIN}, 5 disclosed\n",
    )
    told = json.loads(log.run("verify", "log", "--key", "log.pub", "--json").stdout)
    assert (told["ok"], told["size"], told["findings"]) == (True, 5, [])
    shown = json.loads(log.run("show", "log", "--json").stdout)
    assert (shown["size"], shown["root"], shown["signers"]) == (5, told["root"], [ORIGIN])
    assert log.run("show", "log").stdout.startswith(f"{ORIGIN}: 5 entries, root {told['root']}\n")
    assert json.loads(log.run("show", "log", "4").stdout)["id"] == "act-4"
    note = log.run("checkpoint", "log", "--key", "log.pub").stdout
    assert note == (log.folder / "log/checkpoint").read_text()
    kept = json.loads(log.run("checkpoint", "log", "--key", "log.pub", "--json").stdout)
    assert (kept["size"], kept["checkpoint"]) == (5, note)


def test_what_was_changed_is_told_and_the_answer_is_no(log: Log) -> None:
    """A changed entry is named on a line of its own, and the exit code is 1."""
    path = log.folder / "log/disclosed/000.p/3"
    path.write_bytes(path.read_bytes().replace(b"act-1", b"act-7"))
    done = log.run("verify", "log", "--key", "log.pub")
    assert (done.returncode, done.stdout) == (
        1,
        "log/disclosed/000.p/3: entry 1 was changed\n",
    )
    told = json.loads(log.run("verify", "log", "--key", "log.pub", "--json").stdout)
    assert told["findings"] == [
        {
            "kind": "changed",
            "file": "disclosed/000.p/3",
            "message": "entry 1 was changed",
            "index": 1,
        }
    ]


def test_a_receipt_goes_to_a_customer(log: Log) -> None:
    """A receipt is made, shown and verified; a changed one is refused with 1."""
    assert log.run("prove", "log", "1", "--key", "log.pub", "--out", "receipt.json").returncode == 0
    assert (
        log.run("prove", "log", "1", "--key", "log.pub").stdout
        == (log.folder / "receipt.json").read_text()
    )
    done = log.run("verify", "receipt.json", "--key", "log.pub")
    assert (done.returncode, done.stdout) == (
        0,
        f"receipt.json: ok: entry 1 of {ORIGIN}, in its first 3\n",
    )
    told = json.loads(log.run("verify", "receipt.json", "--key", "log.pub", "--json").stdout)
    assert told["entry"]["id"] == "act-1"
    assert json.loads(log.run("show", "receipt.json", "--json").stdout)["index"] == 1
    path = log.folder / "receipt.json"
    path.write_text(path.read_text().replace("act-1", "act-7"))
    done = log.run("verify", "receipt.json", "--key", "log.pub", "--json")
    assert (done.returncode, json.loads(done.stdout)["code"]) == (1, "proof")


def test_a_fork_is_refused_by_export_verify_and_witness(log: Log) -> None:
    """Whoever tells another history is refused with 1 wherever they try."""
    (log.folder / "kept").write_text(log.run("checkpoint", "log", "--key", "log.pub").stdout)
    (log.folder / "w.pub").write_text(
        log.run("keygen", "w.example/1", "--out", "w.key", "--for-witness").stdout
    )
    witness = ("--key", "log.pub", "--witness-key", "w.key", "--state", "state")
    assert log.run("witness", "log", *witness).stdout == "log: 3 entries, cosigned by w.example/1\n"
    assert log.run("verify", "log", "--key", "log.pub", "--witness", "w.pub").returncode == 0
    for numbers in ([0, 9, 2, 3], [0, 1]):
        done = log.export(numbers)
        assert (done.returncode, "entries" in done.stderr) == (1, True)
    log.export([0, 9, 2, 3], out="other")
    done = log.run("verify", "other", "--key", "log.pub", "--since", "kept")
    changed = "the 3 entries of the earlier checkpoint changed" in done.stdout
    assert (done.returncode, changed) == (1, True)
    done = log.run("witness", "other", *witness, "--json")
    assert (done.returncode, json.loads(done.stdout)["code"]) == (1, "fork")
    done = log.run("verify", "other", "--key", "log.pub", "--witness", "w.pub")
    assert (done.returncode, "not signed by w.example/1" in done.stdout) == (1, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("verify", "none", "--key", "log.pub"), "none cannot be read"),
        (("verify", "log", "--key", "none"), "none cannot be read"),
        (("verify", "log", "--key", "log+key"), "a key is not"),
        (("verify", "log", "--key", "log/tile/0/000.p/3"), "is no public key"),
        (("verify", "acts.jsonl", "--key", "log.pub", "--since", "x"), "carries its own"),
        (("show", "acts.jsonl"), "a receipt cannot be read"),
        (("show", "log", "7"), "below the tree's size"),
        (("prove", "log", "7", "--key", "log.pub"), "below the tree's size"),
        (("export", "none", "--out", "x", "--signer", "log.key"), "none cannot be read"),
        (("export", "acts.jsonl", "--out", "x", "--signer", "none"), "is not a key"),
        (("export", "log.pub", "--out", "x", "--signer", "log.key"), "line 1:"),
        (("keygen", "a b", "--out", "x"), "has a space or a plus"),
        (("keygen", "a", "--out", "log.key"), "exists already"),
        (("checkpoint", ".", "--key", "log.pub"), "checkpoint cannot be read"),
    ],
    ids=lambda each: " ".join(each[:2]) if isinstance(each, tuple) else each,
)
def test_wrong_use_is_answered_with_2(log: Log, words: tuple[str, ...], told: str) -> None:
    """A file that is not there, a key that is none, an index too high: each is told, with 2."""
    done = log.run(*words)
    assert (done.returncode, told in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr


def test_every_command_answers_in_json_too(log: Log) -> None:
    """Programs read what people read: each command has one JSON document."""
    made = json.loads(
        log.run("keygen", "w.example/1", "--out", "w.key", "--for-witness", "--json").stdout
    )
    assert made["key"].startswith("w.example/1+")
    told = json.loads(
        log.run("export", "acts.jsonl", "--out", "log", "--signer", "log.key", "--json").stdout
    )
    assert (told["ok"], told["size"]) == (True, 3)
    words = ("prove", "log", "1", "--key", "log.pub", "--out", "receipt.json", "--json")
    assert json.loads(log.run(*words).stdout)["receipt"] == "receipt.json"
    known = ("--key", "log.pub", "--witness-key", "w.key", "--state", "state", "--json")
    assert json.loads(log.run("witness", "log", *known).stdout)["witness"] == "w.example/1"
    done = log.export([0, 9, 2])
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        1,
        "the lines up to 3 are not the entries that are signed",
    )


def test_files_beyond_the_checkpoint_are_told(log: Log) -> None:
    """A file that the checkpoint does not cover is named below the answer."""
    (log.folder / "log/disclosed/001").write_text("x")
    done = log.run("verify", "log", "--key", "log.pub")
    assert done.stdout.endswith("and not verified: disclosed/001\n")
    assert done.returncode == 0


def test_an_export_is_signed_over_a_socket(log: Log) -> None:
    """The key may live in another process, which says its name nowhere: `--origin` does."""
    opened = FileSigner.open(log.folder / "log.key")
    server = SignerServer(opened, log.folder / "signer", log.folder / "signed")
    thread = threading.Thread(target=server.serve, kwargs={"requests": 2}, daemon=True)
    thread.start()
    words = ("export", "acts.jsonl", "--out", "other", "--signer", "signer")
    assert "give --origin" in log.run(*words).stderr
    assert log.run(*words, "--origin", ORIGIN).returncode == 0
    thread.join()
    server.close()
    assert log.run("verify", "other", "--key", "log.pub").returncode == 0


def test_a_signer_that_is_stopped_takes_its_socket_away(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C ends the signer without a traceback, and a new one can take its place."""

    def stopped(_server: SignerServer, *, requests: int = 0) -> None:
        raise KeyboardInterrupt(requests)

    monkeypatch.setattr(SignerServer, "serve", stopped)
    for _ in range(2):
        done = log.run("signer", "log.key", "--socket", "signer")
        assert (done.returncode, done.stdout) == (0, f"signer: signing for {ORIGIN}\n")
    assert not (log.folder / "signer").exists()

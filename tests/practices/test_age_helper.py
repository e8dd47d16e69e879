"""Many age files are made and opened in two processes, and whatever becomes of the other one."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

import pyrage
import pytest

from upheld.practices.takeovers import age_helper
from upheld.practices.takeovers.age_child import DECRYPT, ENCRYPT
from upheld.practices.takeovers.age_helper import AHEAD, AgeHelper

IDENTITY = pyrage.x25519.Identity.generate()
TEXTS = [f"account {number}".encode() * (number % 7 * 300) for number in range(AHEAD * 12)]


def encrypter(expected: int = len(TEXTS)) -> AgeHelper:
    """What encrypts to our key."""
    recipient = IDENTITY.to_public()
    own = partial(pyrage.encrypt, recipients=[recipient])
    return AgeHelper(ENCRYPT, str(recipient), own, expected)


def decrypter(identity: pyrage.x25519.Identity = IDENTITY) -> AgeHelper:
    """What decrypts with a key."""
    own = partial(pyrage.decrypt, identities=[identity])
    return AgeHelper(DECRYPT, str(identity), own, len(TEXTS))


def test_each_file_is_encrypted_and_opened_in_its_order() -> None:
    """Those that are asked for before they are needed, and those that both processes work at."""
    with encrypter() as helper:
        files = [helper.ask(each) for each in TEXTS]
        encrypted = [helper.answer(each) for each in files]
    with decrypter() as helper:
        assert list(helper.each(encrypted)) == TEXTS
    assert len({*encrypted}) == len(TEXTS)
    assert [pyrage.decrypt(each, [IDENTITY]) for each in encrypted] == TEXTS


def test_what_the_other_process_did_not_do_before_it_was_killed_is_done_here() -> None:
    """In the middle of some that wait, before any at all, and while both work at them."""
    for moment in (0, 5, len(TEXTS) - 1):
        with encrypter() as helper:
            files = []
            for number, each in enumerate(TEXTS):
                files.append(helper.ask(each))
                if number == moment and helper.child is not None:
                    helper.child.kill()
            encrypted = [helper.answer(each) for each in files]
        with decrypter() as helper:
            opened = []
            for line in helper.each(encrypted):
                opened.append(line)
                if len(opened) == moment and helper.child is not None:
                    helper.child.kill()
        assert opened == TEXTS


def test_a_process_that_stands_still_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended, and the rest is done here."""
    monkeypatch.setattr(age_helper, "WAIT_MAX", 0.1)
    with encrypter() as helper:
        assert helper.child is not None
        os.kill(helper.child.pid, signal.SIGSTOP)
        files = [helper.ask(each) for each in TEXTS]
        encrypted = [helper.answer(each) for each in files]
        assert helper.child is None
    assert [pyrage.decrypt(each, [IDENTITY]) for each in encrypted] == TEXTS


def test_the_other_process_is_given_no_secret_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it needs comes through its pipe."""
    monkeypatch.setenv("UPHELD_SECRET", "marked-secret")
    with encrypter() as helper:
        assert helper.child is not None
        helper.answer(helper.ask(b"one"))  # it runs
        environment = Path(f"/proc/{helper.child.pid}/environ")
        if not environment.exists():
            pytest.skip("this system does not show the environment of a process")
        assert b"UPHELD" not in environment.read_bytes()


def test_a_wrong_key_and_a_file_that_is_none_are_refused_as_here() -> None:
    """By the error of pyrage, at the first of them."""
    with encrypter() as helper:
        encrypted = list(helper.each(TEXTS))
    with decrypter(pyrage.x25519.Identity.generate()) as helper, pytest.raises(pyrage.DecryptError):
        list(helper.each(encrypted))
    with decrypter() as helper, pytest.raises(pyrage.DecryptError):
        list(helper.each([*encrypted[:40], b"no file of age", *encrypted]))


def test_for_few_files_or_where_none_can_be_started_there_is_no_other_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are made here."""
    with encrypter(expected=3) as helper:
        assert helper.child is None
        assert pyrage.decrypt(helper.answer(helper.ask(b"one")), [IDENTITY]) == b"one"
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with encrypter() as helper:
        assert helper.child is None
        assert [pyrage.decrypt(each, [IDENTITY]) for each in helper.each(TEXTS)] == TEXTS

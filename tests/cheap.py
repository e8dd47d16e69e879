"""What costs real users a moment on purpose, or once a process, costs the tests next to nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest


def make_passwords_cheap(patch: pytest.MonkeyPatch) -> None:
    """Hash the passwords of people who do not exist at the least cost."""
    from argon2 import PasswordHasher

    from upheld.web import passwords

    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    patch.setattr(passwords, "_HASHER", hasher)


def make_passphrases_cheap(patch: pytest.MonkeyPatch) -> None:
    """Stretch a keyring's passphrase at the least cost.

    A keyring that is made so opens only where this holds: not in a process that a test starts.
    """
    from argon2.low_level import hash_secret_raw

    from upheld.vault import keyring

    def cheap(secret: bytes, salt: bytes, **options: Any) -> bytes:
        return hash_secret_raw(secret, salt, **options | {"time_cost": 1, "memory_cost": 32})

    patch.setattr(keyring, "hash_secret_raw", cheap)


def build_commands_once(patch: pytest.MonkeyPatch) -> None:
    """Build the commands of `upheld` once in a process, not for each one that a test runs."""
    from typer import main, testing

    from upheld.cli import app

    built = _remembering()
    built(app)  # before any fork
    patch.setattr(testing, "_get_command", built)
    patch.setattr(main, "get_command", built)


def read_the_sample_once(patch: pytest.MonkeyPatch) -> None:
    """Read the sample policy once in a process, not for each command that a test runs."""
    from upheld.policy import load

    patch.setattr(load, "read_program", _reading())


@cache
def _reading() -> Callable[..., Any]:
    """What reads policies, the sample once in this process: its vocabulary is upheld's own."""
    from upheld.demo import sample_policy
    from upheld.policy import load

    read, sample = load.read_program, sample_policy().read_bytes()
    program = cache(lambda: read(sample, "policy.md"))

    def reading(raw: bytes, file: str, **options: Any) -> Any:
        if raw == sample and options.get("vocabulary") is None:
            return program()
        return read(raw, file, **options)

    return reading


@cache
def _remembering() -> Callable[[Any], Any]:
    """What builds commands, each once in this process."""
    from typer import main

    return cache(main.get_command)

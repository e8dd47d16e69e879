"""A provider without anybody in it, to see what its parts can keep of a policy before it starts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from upheld.app.provider import provide
from upheld.core.settings import Settings
from upheld.database.engines import open_database
from upheld.database.schema import migrate
from upheld.gate.async_gate import AsyncGate
from upheld.gate.gate import Gate
from upheld.policy.load import Policy
from upheld.practice.plugin import Provider
from upheld.practice.promises import UnkeptPromise, find_unkept
from upheld.vault.keyring import KeyFile, Keyring


def promises(settings: Settings, policy: Policy) -> list[UnkeptPromise]:
    """What a policy promises and the provider of these settings has no part for.

    Neither its database nor its keys are touched.
    """
    with _empty(settings, policy) as provider:
        return find_unkept(provider, policy)


@contextmanager
def _empty(settings: Settings, policy: Policy) -> Iterator[Provider]:
    with TemporaryDirectory(prefix="upheld-check-") as folder:
        key = Path(folder) / "key"
        key.write_bytes(os.urandom(32))
        key.chmod(0o600)
        engine = open_database(f"sqlite:///{folder}/upheld.db")
        migrate(engine)
        gate = Gate(engine, policy, Keyring.create(Path(folder) / "keyring", KeyFile(key)))
        try:
            yield provide(AsyncGate(gate), settings)
        finally:
            engine.dispose()

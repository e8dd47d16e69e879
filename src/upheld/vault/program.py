"""A master key that a program of yours gives: the way to a key management service.

The program is told the keyring's salt, 32 hexadecimal digits on its standard input, and answers
with the 64 of the master key, the same for the same salt: whatever it asks, and however it signs
in there, is its own affair. Nothing secret is on its command line.
"""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from typing import Final

from upheld.vault.envelope import KEY_BYTES
from upheld.vault.keyfile import KeyringError

WAIT_SECONDS: Final = 60
CHANGED_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


class KeyProgram:
    """A master key from a program that nobody but its owner may change."""

    kind = "program"

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        try:
            mode = self._path.stat().st_mode
        except OSError as error:
            raise KeyringError(
                f"{path} cannot be run: {error.strerror}", code="unreadable", hint="name a program"
            ) from None
        if mode & CHANGED_BY_OTHERS:
            raise KeyringError(
                f"others than its owner may change {path}",
                code="permissions",
                hint=f"chmod go-w {path}",
            )
        if not os.access(self._path, os.X_OK):
            raise KeyringError(
                f"{path} is not a program", code="permissions", hint=f"chmod u+x {path}"
            )

    def key(self, salt: bytes) -> bytes:
        """What the program answers; KeyringError where it fails, is too slow, or tells no key."""
        try:
            done = subprocess.run(  # noqa: S603 - the program that whoever runs upheld named
                [self._path],
                input=f"{salt.hex()}\n".encode(),
                capture_output=True,
                timeout=WAIT_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            done = None
        output = b"" if done is None or done.returncode else done.stdout.strip()
        try:
            key = bytes.fromhex(output.decode("ascii"))
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:  # what it said is told to nobody: it may be half a key
            raise KeyringError(
                f"{self._path} tells no master key",
                code="master-key",
                hint="run it by hand, with the salt on its standard input",
            )
        return key

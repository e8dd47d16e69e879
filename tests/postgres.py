"""A PostgreSQL of the tests' own: Debian's package, a free port of this machine, a passing folder.

It syncs as it would in earnest, though the folder may lie in memory (memory.py). As root it runs
as the user `postgres`, since it refuses root.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from processes import PATIENCE, free_port

INSTALLED = Path("/usr/lib/postgresql")
PATIENTLY = ("--wait", "--timeout", str(round(PATIENCE)))
_STARTED: dict[str, tuple[Path, Path]] = {}  # by address: where a server's programs and home are


def programs() -> Path | None:
    """The folder of the latest installed server's programs, or None."""
    found = [path.parent for path in INSTALLED.glob("*/bin/initdb")]
    return max(found, key=lambda path: float(path.parent.name), default=None)


def restart(address: str, *, mode: str = "fast") -> None:
    """Restart the server of an address; with the mode `immediate` as after a crash."""
    folder, home = _STARTED[address]
    _run(
        folder / "pg_ctl",
        *PATIENTLY,
        "restart",
        "--pgdata",
        home / "data",
        "--log",
        home / "log",
        "--mode",
        mode,
    )


def end_all(url: str) -> None:
    """End every other connection to a database, and wait until they are gone."""
    import psycopg

    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"SELECT pg_terminate_backend(pid) {others}")
        while connection.execute(f"SELECT 1 {others} LIMIT 1").fetchone():
            pass


def another(address: str, name: str) -> str:
    """The address of one more empty database beside one."""
    import psycopg
    from psycopg import sql

    start, _, beside = address.rpartition("/")
    made = sql.Identifier(f"{beside}_{name}")
    with psycopg.connect(f"{start}/postgres", autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(made))
    return f"{start}/{beside}_{name}"


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Start a server from a folder of programs; the address of it, to which a name is added."""
    home = Path(tempfile.mkdtemp(prefix="upheld-postgres-"))
    try:
        password = secrets.token_hex()
        (home / "password").write_text(password)
        port = free_port()
        if os.geteuid() == 0:
            for path in (home, home / "password"):
                shutil.chown(path, "postgres")
        _run(
            folder / "initdb",
            "--pgdata",
            home / "data",
            "--username",
            "upheld",
            "--no-sync",
            "--auth",
            "scram-sha-256",
            "--pwfile",
            home / "password",
            "--encoding",
            "UTF8",
            "--locale",
            "C",
        )
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories="
        _run(
            folder / "pg_ctl",
            *PATIENTLY,
            "start",
            "--pgdata",
            home / "data",
            "--log",
            home / "log",
            "--options",
            options,
        )
        try:
            address = f"postgresql://upheld:{password}@127.0.0.1:{port}/"
            _STARTED[address] = folder, home
            yield address
        finally:
            _run(
                folder / "pg_ctl",
                *PATIENTLY,
                "stop",
                "--mode",
                "immediate",
                "--pgdata",
                home / "data",
            )
    finally:
        shutil.rmtree(home)


def _run(*words: str | Path) -> None:
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    command = [*prefix, *map(str, words)]
    subprocess.run(command, cwd="/", check=True, stdout=subprocess.DEVNULL)

"""One process that has read upheld, and is forked for each command that the documentation shows.

A page shows dozens of commands, and reading the program takes longer than most of them do. A small
program of the name `upheld` hands its arguments, folder, environment and streams to the process
that waits here; a fork of it runs the command as the installed program would, and says how it
ended. What a command had to read, the process reads too, so that the next one finds it there.
A page's Python runs so too, by a program of the name `page-python`, whose argument is the code.
"""

from __future__ import annotations

import gc
import io
import os
import selectors
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import pytest

from cheap import build_commands_once, make_passphrases_cheap

# Nothing but the standard library's quickest parts: this starts for each command. Who sets another
# PYTHONPATH, as for a practice of their own, gets a process of their own.
SHIM = """#!{python} -IS
import os, signal, socket, sys
if os.environ.get("PYTHONPATH", "") != {path!r}:
    os.execv({python!r}, [{python!r}, *{own!r}, *sys.argv[1:]])
server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
server.connect({address!r})
environment = [f"{{name}}={{value}}" for name, value in os.environ.items()]
parts = [os.getcwd(), str(len(sys.argv)), *sys.argv, *environment]
socket.send_fds(server, ["\\0".join(parts).encode("utf-8", "surrogateescape")], [0, 1, 2])
child = int(server.recv(64))
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, _: os.kill(child, number))
sys.exit(int(server.recv(64) or b"1"))
"""
LARGEST = 1 << 20
PAGE_PYTHON = "page-python"
QUICK = ("upheld", "typer", "pydantic", "sqlalchemy", "alembic", "argon2", "cryptography")
# Libraries with threads of their own, which a fork would not have.
THREADED = ("polars", "duckdb", "pyarrow", "ibis", "pyspark", "numpy")


@contextmanager
def warm_program(folder: Path) -> Iterator[Path]:
    """A folder for PATH: what its `upheld` and `page-python` are told to do is done in forks."""
    address = str(folder / "socket")
    upheld = str(Path(sys.executable).with_name("upheld"))
    for name, own in {"upheld": [upheld], PAGE_PYTHON: ["-c"]}.items():
        program = folder / name
        path = os.environ.get("PYTHONPATH", "")
        shim = SHIM.format(python=sys.executable, address=address, path=path, own=own)
        program.write_text(shim, encoding="utf-8")
        program.chmod(0o755)
    command = [sys.executable, __file__, address]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield folder
        finally:
            process.terminate()


def _serve(address: str) -> None:
    """Wait for commands, and fork for each."""
    patch = pytest.MonkeyPatch()
    make_passphrases_cheap(patch)
    build_commands_once(patch)
    gc.collect()
    gc.freeze()  # what a search for garbage touches would be copied for each fork
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(address)
    listener.listen()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    with selectors.DefaultSelector() as waiting:
        waiting.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fileobj is listener:
                    waiting.register(_start(listener), selectors.EVENT_READ)
                else:
                    waiting.unregister(key.fileobj)
                    with os.fdopen(key.fd) as modules:
                        for name in modules.read().split():
                            import_module(name)


def _start(listener: socket.socket) -> int:
    """Fork for the next command; where the modules can be read that it had to read."""
    client, _ = listener.accept()
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        client.close()
        return reading
    listener.close()
    os.close(reading)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    code = _command(client)
    with os.fdopen(writing, "w") as modules:
        modules.write("\n".join(_quick_modules()))
    client.send(str(code).encode())
    os._exit(0)


def _quick_modules() -> list[str]:
    """What a command has read of the usual libraries; nothing if it read one with threads."""
    if any(name in sys.modules for name in THREADED):
        return []
    return [name for name in sys.modules if name.partition(".")[0] in QUICK]


def _command(client: socket.socket) -> int:
    """Run one command in this fork; its exit code."""
    message, files, _, _ = socket.recv_fds(client, LARGEST, 3)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    folder, count, *rest = message.decode("utf-8", "surrogateescape").split("\0")
    sys.argv = rest[: int(count)]
    os.environ.clear()
    for each in rest[int(count) :]:
        name, _, value = each.partition("=")
        os.environ[name] = value
    os.chdir(folder)
    sys.stdin = io.TextIOWrapper(open(0, "rb", closefd=False))  # noqa: SIM115 - as at a start
    sys.stdout = io.TextIOWrapper(open(1, "wb", closefd=False))  # noqa: SIM115 - as at a start
    sys.stderr = io.TextIOWrapper(open(2, "wb", buffering=0, closefd=False), write_through=True)  # noqa: SIM115 - as at a start
    client.send(str(os.getpid()).encode())
    try:
        if Path(sys.argv[0]).name == PAGE_PYTHON:
            exec(compile(sys.argv[1], "<page>", "exec"), {"__name__": "__main__"})  # noqa: S102 - our own page
        else:
            import_module("upheld.cli").main()
        code: object = 0
    except SystemExit as error:
        code = error.code
    except Exception:  # noqa: BLE001 - told as the interpreter would tell it
        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return code if isinstance(code, int) else int(code is not None)


if __name__ == "__main__":
    _serve(sys.argv[1])

"""What `upheld demo` does: a folder with a provider of its own, built once, and served.

The folder is temporary and removed in the end, or one that was named and is kept. Its settings are
written last: a folder without them was not built to its end. With them every command of upheld
works on the demonstration too, as on any provider.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from upheld.app.provider import all_practices, provide
from upheld.core.clock import Clock
from upheld.core.errors import UpheldError
from upheld.core.settings import Settings, read_settings
from upheld.demo import sample_policy
from upheld.demo.build import CUSTOMERS, CUSTOMERS_SHOWN, SignIn, build
from upheld.demo.months import Progress, untold
from upheld.demo.pages import DemoPages, practice
from upheld.demo.scenes import PASSWORD
from upheld.demo.versions import text_in_force
from upheld.gate.async_gate import AsyncGate, open_gate_sync
from upheld.ledger.signers import FileSigner
from upheld.policy.load import load
from upheld.practice.plugin import PracticeFactory, Provider
from upheld.practices.messages import practice as messages
from upheld.practices.messages.carrier import Box
from upheld.vault.keyring import KeyFile, Keyring

SETTINGS, PEOPLE, MASTER, LOG_KEY = "upheld.toml", "people.json", "master", "log.key"
LOG: Final = "larchvalley.example/log"
_TEXT: Final = """\
database = "sqlite:///provider.db"
keyring = "keyring"
key_file = "master"
policy = {policy}
agreement = "terms.md"
stories = "stories.json"
zone = "America/Los_Angeles"
log_key = "log.key"
url = {url}
phone = "+1 555 010 0100"
contact = "help@larchvalley.example"
postal_address = "1 Mill Lane, Larch Valley"
privacy_officer = "privacy@larchvalley.example"
webmail = "https://webmail.larchvalley.example/"
"""


class Demo(NamedTuple):
    """A demonstration that is ready: its provider, settings, sign-ins, and how long that took."""

    provider: Provider
    settings: Settings
    people: list[SignIn]
    seconds: float


@contextmanager
def folder_of(keep: Path | None) -> Iterator[Path]:
    """A folder of one's own: the one that is kept, or one that is gone in the end."""
    if keep is None:
        folder = Path(tempfile.mkdtemp(prefix="upheld-demo-"))  # its owner's alone
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    is_built = (keep / SETTINGS).exists()
    if keep.exists() and not is_built and any(keep.iterdir()):
        raise UpheldError(
            f"{keep} holds something else than a demonstration",
            code="exists",
            hint="name a new folder, or one that `upheld demo` made",
        )
    try:
        keep.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UpheldError(
            f"{keep} cannot be made: {error.strerror}",
            code="unwritable",
            hint="choose another folder",
        ) from None
    yield keep


def ready(
    folder: Path,
    url: str,
    customers: int = CUSTOMERS,
    progress: Progress = untold,
    *,
    clock: Clock | None = None,
) -> Demo:
    """The demonstration of a folder, built if it is not there yet, by the clock that runs."""
    start = time.perf_counter()
    there = (folder / SETTINGS).exists()
    today = (clock or Clock()).now().date()
    settings = _settings(folder, url, today, there=there)
    keyring = (Keyring.open if there else Keyring.create)(
        folder / "keyring", KeyFile(folder / MASTER)
    )
    assert settings.policy is not None  # noqa: S101 - it was written above
    gate = AsyncGate(
        open_gate_sync(
            settings.database, policy=load(settings.policy), keys=keyring, zone=settings.timezone
        )
    )
    if clock is not None:
        gate.gate.context = gate.gate.context.by(clock)
    box, people = Box(), list[SignIn]()
    provider = provide(gate, settings, practices(box, people))
    if there:
        people += msgspec.json.decode((folder / PEOPLE).read_bytes(), type=list[SignIn])
    else:
        people += build(provider, customers, progress)
        _private(folder / PEOPLE, msgspec.json.encode(people))
        box.messages.clear()  # what was mailed in two years is read in the accounts
        (folder / f"{SETTINGS}.new").rename(folder / SETTINGS)
    return Demo(provider, settings, people, time.perf_counter() - start)


def greeting(demo: Demo) -> str:
    """What is printed when it is ready: who signs in where, by what."""
    with demo.provider.gate.gate.look() as tables:
        doors = DemoPages(demo.provider, Box(), demo.people).doors(tables)
    width = max(len(each.who.sign_in) for each in doors)
    lines = [
        f"  {each.who.sign_in:{width}}  {each.who.title}: {each.who.line}"
        + (f" (code now {each.code})" if each.code else "")
        for each in doors
    ]
    url = demo.settings.url
    return "\n".join(
        [
            f"Ready after {demo.seconds:.1f} s. Everybody's password: {PASSWORD}",
            f"Customers sign in at {url}/sign-in",
            *lines[: len(CUSTOMERS_SHOWN)],
            f"Staff at {url}/staff/sign-in, agents at {url}/agent/sign-in; codes at {url}/demo",
            *lines[len(CUSTOMERS_SHOWN) :],
            f"What would be mailed: {url}/demo/mail",
            "",
        ]
    )


def practices(box: Box, people: list[SignIn]) -> list[tuple[str, PracticeFactory]]:
    """The practices of a provider, whose messages go to a box, and the demonstration's own."""
    usual = [each for each in all_practices() if each[0] != "messages"]
    return [
        *usual,
        ("messages", partial(messages.practice, by=box)),
        ("demo", partial(practice, box=box, people=people)),
    ]


def _settings(folder: Path, url: str, today: date, *, there: bool) -> Settings:
    """The settings of a folder; with the files that they name, where it is new."""
    path = folder / (SETTINGS if there else f"{SETTINGS}.new")
    if not there:
        _private(folder / MASTER, os.urandom(32))
        FileSigner.create(folder / LOG_KEY, LOG)
        terms = (resources.files("upheld.demo") / "terms.md").read_text(encoding="utf-8")
        (folder / "terms.md").write_text(terms, encoding="utf-8")
        policy = _policy(folder, today)
        (folder / "stories.json").write_bytes(_stories(policy))
        values = {"policy": _quoted(str(policy)), "url": _quoted(url)}
        path.write_text(_TEXT.format(**values), encoding="utf-8")
    configuration = read_settings(path, {})
    return msgspec.structs.replace(configuration, url=url)  # the port may be another one this time


def _policy(folder: Path, today: date) -> Path:
    """The file of the policy in force, which is made of the sample policy."""
    path = folder / "policy.md"
    sample = sample_policy().read_text(encoding="utf-8")
    path.write_text(text_in_force(sample, today), encoding="utf-8")
    return path


def _stories(policy: Path) -> bytes:
    """Which clauses of the sample policy our stories would miss, as `upheld mutate` prints it."""
    raw = (resources.files("upheld.demo") / "stories.json").read_bytes()
    findings = [
        {"id": f"#{clause}", "kind": "clause", "clause": clause, "came": came}
        for clause, came in msgspec.json.decode(raw, type=dict[str, str]).items()
    ]
    return msgspec.json.encode({"policy": load(policy).digest, "findings": findings})


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()  # a string of JSON is one of TOML


def _private(path: Path, raw: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(raw)

"""A plugin of pytest: each test is a story, and one process tells them under many policies.

`upheld mutate` names it in PYTEST_PLUGINS, so that any command that ends in pytest works as it is.
Told under one policy, it notes for each test how it ended and how long it took, across the workers
of pytest-xdist too. Given a list of trials it collects once and then forks for each: the fork tells
the stories of the trial under its policy, until one comes out otherwise.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pytest

from upheld.core import observing
from upheld.mutate.notes import TRIALS, Notes, StoryResults, differences

PAUSE: Final = 0.01


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """Tell the stories of trials in this very process: it forks by itself."""
    if os.environ.get(TRIALS) and early_config.pluginmanager.hasplugin("xdist"):
        args.extend(["-n", "0"])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tell the stories that are asked for, where some are."""
    if path := os.environ.get(observing.STORIES):
        ids = set(Path(path).read_text(encoding="utf-8").splitlines())
        items[:] = [item for item in items if item.nodeid in ids]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Name the story that is told, to this process and to those that it starts."""
    os.environ[observing.STORY] = item.nodeid
    start = time.monotonic()
    try:
        return (yield)
    finally:
        if (observer := observing.observer()) is not None:
            observer.note("seconds", item.nodeid, f"{time.monotonic() - start:.3f}")
        os.environ.pop(observing.STORY, None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note how a story ended."""
    report = yield
    observer = observing.observer()
    if observer is not None and (report.when == "call" or report.outcome != "passed"):
        observer.note("outcome", "the story", f"{report.when} {report.outcome}")
    del item
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Do trials, where there are any, in place of the tests themselves."""
    folder = os.environ.get(TRIALS)
    if not folder:
        if (observer := observing.observer()) is not None and observing.policy_is_loaded():
            observer.note("early", "the policy")  # a fork would tell of what was loaded before it
        return None
    work = Path(folder)
    items = {item.nodeid: item for item in session.items}
    usual = Notes(work / "once").results, Notes(work / "again").results
    lines = (work / "trials.jsonl").read_text(encoding="utf-8").splitlines()
    gc.collect()
    gc.freeze()  # what a fork has from here is nothing that it need look through again
    for number, line in enumerate(lines):
        if _is_claimed(work / f"{number}.taken"):
            continue
        _do(json.loads(line), items, usual)
    return True


def _is_claimed(mark: Path) -> bool:
    """Whether another worker has this trial; from now on it is ours otherwise."""
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return True
    return False


def _do(
    trial: dict[str, Any], items: dict[str, pytest.Item], usual: tuple[StoryResults, StoryResults]
) -> None:
    """Tell the stories of a trial in a fork, for as long as they may take."""
    child = os.fork()
    if child == 0:
        try:
            _tell(trial, items, usual)
        finally:
            os._exit(0)
    end = time.monotonic() + float(trial["seconds"])
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            _answer(trial, [["outcome", "", "the stories do not end"]])
            return
        time.sleep(PAUSE)


def _tell(
    trial: dict[str, Any], items: dict[str, pytest.Item], usual: tuple[StoryResults, StoryResults]
) -> None:
    """Tell the stories of a trial one after the other, until one comes out otherwise."""
    from _pytest.runner import runtestprotocol  # noqa: PLC0415 - what pytest itself runs a test with; it has no public name

    folder = Path(trial["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "files").mkdir(exist_ok=True)
    os.environ |= {
        observing.POLICY: trial["policy"],
        "PYTEST_DEBUG_TEMPROOT": str(folder / "files"),
    }
    changes: list[list[str]] = []
    for number, story in enumerate(trial["stories"]):
        if story not in items:
            continue
        own = folder / f"story-{number}"
        own.mkdir(exist_ok=True)
        os.environ |= {observing.FOLDER: str(own), observing.STORY: story}
        observing.begin(own, questions=False)
        runtestprotocol(items[story], log=False, nextitem=None)
        results = Notes(own).results
        changes += [[d.kind, d.story, d.what] for d in differences(*usual, results, story)]
        if changes and not trial["all"]:
            break
    _answer(trial, changes)


def _answer(trial: dict[str, Any], changes: list[list[str]]) -> None:
    answer = Path(trial["folder"]) / "answer.json"
    answer.parent.mkdir(parents=True, exist_ok=True)
    answer.write_text(json.dumps(changes), encoding="utf-8")

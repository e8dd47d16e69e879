"""What all tests share: Hypothesis profiles, Debian's chromium, and what a skip means.

A test whose part is missing on this machine is skipped with its reason; with UPHELD_REQUIRE_ALL=1
every skip is a failure, so that a full run is known to be full.
"""

import gc
import os
import re
import secrets
import shutil
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pytest
from coverage import Coverage
from hypothesis import HealthCheck, settings

import memory
import postgres
from asking import answer_here
from cheap import make_passwords_cheap
from empty import empty_database
from longest import LONGEST
from processes import PATIENCE, make_patient
from sizes import CHOSEN, USED, size
from tally import tell

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from sqlalchemy import Engine

memory.use()
_SIZED = re.compile(r"\bsize\(|\bCHOSEN\b|\bWIDTHS\b|\bhypothesis\b|\bschemathesis\b")
REQUIRE_ALL = os.environ.get("UPHELD_REQUIRE_ALL", "") not in ("", "0")
GARBAGE = (10_000, 20, 20)  # objects, then searches, between two searches for garbage
CHROMIUM_ARGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]

# A loaded machine is no reason to fail: no deadline, and no complaint about slow drawing.
settings.register_profile(
    "short",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
    database=None,
    max_examples=size("examples a property", short=50, long=1_000),
)
# A run judges the change, not the draw: the examples are the same each time. Who looks for more
# sets UPHELD_TEST_EXPLORE=1, and draws new ones.
EXPLORE = os.environ.get("UPHELD_TEST_EXPLORE", "") not in ("", "0")
settings.register_profile(
    "long", settings.get_profile("short"), derandomize=not EXPLORE, print_blob=EXPLORE
)
settings.register_profile("middle", settings.get_profile("short"))
settings.load_profile(CHOSEN)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no worker has one left to do alone."""
    rank = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.nodeid.partition("::")[0], len(rank)))
    names = {item.nodeid for item in items}
    whole = bool(items) and _is_whole_run(items[0].config)
    spared = {item for item in items if _is_spared(item, names, whole=whole)}
    if whole:
        spared |= {item for item in items if _is_of_another_size(item, names)}
    if spared:
        items[0].config.hook.pytest_deselected(items=[*spared])
        items[:] = [item for item in items if item not in spared]


def _is_of_another_size(item: pytest.Item, names: set[str]) -> bool:
    """Whether a run of all leaves a test to another size: a large one, or one alike at each."""
    is_large = item.get_closest_marker("large") is not None
    if CHOSEN == "short":
        return is_large
    return not (is_large or _has_size(item.path) or _has_twin(item, names))


def _is_spared(item: pytest.Item, names: set[str], *, whole: bool) -> bool:
    """Whether a practice's test is left to its twin on the other database.

    At the small size three of four run on SQLite, at a larger one those that were left; both
    together are all. Whoever names tests and a size between gets both.
    """
    if (CHOSEN == "middle" and not whole) or not _has_twin(item, names):
        return False
    kind, twin = _twin(item)
    on_postgresql = (crc32(min(item.nodeid, twin).encode()) % 4 == 0) != (CHOSEN != "short")
    return on_postgresql != (kind == "postgresql")


def _twin(item: pytest.Item) -> tuple[str, str]:
    """On which database a practice's test runs, and the same one on the other; else nothing."""
    kinds = {"sqlite": "postgresql", "postgresql": "sqlite"}
    name, parts = item.nodeid, getattr(item, "callspec", None)
    kind = next((kind for kind in kinds if parts and kind in parts.id.split("-")), "")
    if not kind or not name.startswith("tests/practices/"):
        return "", ""
    return kind, name.replace(kind, kinds[kind])


def _has_twin(item: pytest.Item, names: set[str]) -> bool:
    """Whether a practice's test is there for the other database too."""
    return _twin(item)[1] in names


@cache
def _has_size(path: Path) -> bool:
    """Whether a file's tests are larger at the full size, or look at more made-up examples."""
    return _SIZED.search(path.read_text(encoding="utf-8")) is not None


def _is_whole_run(config: pytest.Config) -> bool:
    """Whether all tests were asked for; whoever names some gets them at any size."""
    return [Path(each).resolve() for each in config.args] == [Path(__file__).parent]


def pytest_collection_finish() -> None:
    """Keep what the tests are read into out of every search for garbage: it stays to the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let a worker of a run on several cores tell which sizes it used, and what it tried."""
    if (told := getattr(session.config, "workeroutput", None)) is not None:
        told["sizes"] = USED
    tell()
    if (measured := Coverage.current()) is not None:
        measured.save()  # a worker that is slow to end is killed, and its lines with it


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Hear which sizes a worker used."""
    USED.update(getattr(node, "workeroutput", {}).get("sizes", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the sizes that this run used."""
    used = ", ".join(f"{name} {number:,}" for name, number in sorted(USED.items()))
    terminalreporter.write_line(f"sizes ({CHOSEN}): {used}")


def _forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure when every part is required; an expected failure stays one."""
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        where = report.longrepr
        reason = where[2] if isinstance(where, tuple) else str(where)
        report.outcome = "failed"
        report.longrepr = f"{reason} (UPHELD_REQUIRE_ALL allows no skip)"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look at each test's report after pytest has made it."""
    report = yield
    _forbid_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Look at each module's report too: a module may skip itself while it is read."""
    report = yield
    _forbid_skip(report)
    return report


@pytest.fixture(autouse=True, scope="session")
def cheap_passwords() -> Iterator[None]:
    """Hash passwords at the least cost, everywhere."""
    with pytest.MonkeyPatch.context() as patch:
        make_passwords_cheap(patch)
        yield


@pytest.fixture(autouse=True, scope="session")
def cheap_requests() -> Iterator[None]:
    """Answer requests in the thread that asks."""
    with pytest.MonkeyPatch.context() as patch:
        answer_here(patch)
        yield


@pytest.fixture(autouse=True, scope="session")
def patient() -> Iterator[None]:
    """Wait long for locks and for other processes: a loaded machine is no reason to fail."""
    with pytest.MonkeyPatch.context() as patch:
        make_patient(patch)
        yield


@pytest.fixture(scope="module")
def chromium() -> Iterator["Browser"]:
    """A headless browser, Debian's own: nothing is downloaded for the tests.

    It ends with its file: while it runs, its loop of asyncio holds the thread, and no test of
    ours could start another.
    """
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not installed")
    from playwright.sync_api import sync_playwright

    # Chromium's sandbox refuses to run as root.
    args = [*CHROMIUM_ARGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        patience = PATIENCE * 1000
        browser = playwright.chromium.launch(executable_path=path, args=args, timeout=patience)
        browser.on("context", lambda context: context.set_default_timeout(patience))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL of our own, to which a database's name is added."""
    programs = postgres.programs()
    if programs is None:
        pytest.skip("Debian's postgresql is not installed")
    with postgres.server(programs) as address:
        yield address


def _create(server: str, template: str = "template1") -> str:
    """The address of a new database on a server, made as a copy of another."""
    import psycopg
    from psycopg import sql

    name = f"t{secrets.token_hex(8)}"
    command = sql.SQL("CREATE DATABASE {} TEMPLATE {}{}")
    with psycopg.connect(server + "postgres", autocommit=True) as connection:
        # Where there is a choice, files are copied: else each page would be logged too.
        has_choice = connection.info.server_version >= 150_000
        how = sql.SQL(" STRATEGY FILE_COPY" if has_choice else "")
        names = (sql.Identifier(name), sql.Identifier(template))
        connection.execute(command.format(*names, how))
    return server + name


def _drop(url: str) -> None:
    """Drop a database, and end whoever still uses it."""
    import psycopg
    from psycopg import sql

    server, _, name = url.rpartition("/")
    command = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(command)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The address of an empty database on PostgreSQL."""
    url = _create(postgres_server)
    yield url
    _drop(url)


@pytest.fixture(scope="session")
def postgres_tables(postgres_server: str) -> str:
    """The name of a database on PostgreSQL with upheld's tables, of which tests get copies."""
    from upheld.database.engines import open_database
    from upheld.database.schema import migrate

    url = _create(postgres_server)
    engine = open_database(url)
    migrate(engine)
    engine.dispose()
    return url.rpartition("/")[2]


@pytest.fixture
def postgres_tables_url(postgres_server: str, postgres_tables: str) -> Iterator[str]:
    """The address of a database on PostgreSQL with upheld's tables and nothing in them."""
    url = _create(postgres_server, postgres_tables)
    yield url
    _drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database without any table, on each kind that upheld supports."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/upheld.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database with upheld's tables and nothing in them, on each kind."""
    if request.param == "sqlite":
        return empty_database(tmp_path)
    url: str = request.getfixturevalue("postgres_tables_url")
    return url


@pytest.fixture
def engine(database_url: str) -> Iterator["Engine"]:
    """An open database with its tables, on each kind."""
    from upheld.database.engines import open_database

    opened = open_database(database_url)
    yield opened
    opened.dispose()


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """A Spark of this machine's own, by way of Ibis."""
    if shutil.which("java") is None:
        pytest.skip("java is not installed")
    import ibis
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", value=False)
    # What runs for a few seconds is not worth Java's second compiler, which takes longer than that.
    java = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC" if CHOSEN == "short" else ""
    for name, value in {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.shuffle.partitions": "2",
        "spark.driver.memory": "2g",
        "spark.driver.extraJavaOptions": java,
        "spark.ui.showConsoleProgress": "false",
    }.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield ibis.pyspark.connect(session)
    session.stop()

"""Commands that put a policy into the world: `new`, `run`, `demo`, `publish`, `compile`."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from upheld.cli.new import new
from upheld.cli.output import JSON, POLICY, complain, loaded, print_json, write_whole
from upheld.core.counts import count_of
from upheld.core.errors import PolicyError, UpheldError

if TYPE_CHECKING:
    from upheld.api.service import ServiceSettings

PORT = typer.Option(8765, min=0, max=65535, help="The port to listen on.")
HOST = typer.Option("127.0.0.1", help="The address to listen on.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(new)
    app.command()(run)
    app.command()(demo)
    app.command()(publish)
    app.command("compile")(compile_policy)


def require_free(host: str, port: int) -> None:
    """UpheldError unless an address and port can be listened on."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise UpheldError(
            f"cannot listen on {host}, port {port}: {error.strerror}",
            code="port",
            hint="choose another with --port",
        ) from None


def serve(path: Path, settings: ServiceSettings, *, as_json: bool) -> None:
    """Serve the page of a policy."""
    require_free(settings.host, settings.port)
    from upheld.app.policy import serve as serve_policy

    try:
        serve_policy(path, settings)
    except PolicyError as error:
        complain(error, as_json=as_json)
        raise typer.Exit(2) from None


def serve_provider(path: Path, settings: ServiceSettings, *, jobs: bool, as_json: bool) -> None:
    """Serve the provider that a settings file describes, and do its jobs beside that."""
    require_free(settings.host, settings.port)
    from upheld.app.provider import serve as serve_pages
    from upheld.cli.admin import provider_of
    from upheld.core.settings import read_settings

    configuration = read_settings(path)
    try:
        provider = provider_of(configuration)
    except PolicyError as error:
        complain(error, as_json=as_json)
        raise typer.Exit(2) from None
    assert configuration.policy is not None  # noqa: S101 - the gate was opened on it
    serve_pages(provider, configuration.policy, settings, jobs=jobs)


def run(  # noqa: PLR0913, PLR0917 - an option each
    policy: Path | None = typer.Argument(None, help="A policy, where there are no settings."),
    port: int = PORT,
    host: str = HOST,
    provider: Path | None = typer.Option(
        None, "--settings", help="A provider's settings: its pages for customers and staff too."
    ),
    no_jobs: bool = typer.Option(
        False, "--no-jobs", help="Leave the provider's jobs to `upheld jobs`."
    ),
    watch: bool = typer.Option(False, "--watch", help="Load the file again when it changes."),
    token_file: Path | None = typer.Option(
        None, "--token-file", help="Who may ask by AuthZEN from elsewhere: `NAME SECRET` a line."
    ),
    trusted_proxies: str = typer.Option(
        "", "--trusted-proxies", help="Addresses whose X-Forwarded-For is believed, with commas."
    ),
    url: str = typer.Option("", "--url", help="The address at which others reach this service."),
    rate: float = typer.Option(10_000, "--rate", min=1, help="Questions a second and caller."),
    json_logs: bool = typer.Option(False, "--json-logs", help="Log lines of JSON to stderr."),
    contact: str = typer.Option(
        "", "--security-contact", help="Who hears of weaknesses: mailto:, https:// or tel:."
    ),
    shadow: Path | None = typer.Option(
        None, "--shadow", help="A draft that decides beside the policy, for counts alone."
    ),
    shadow_report: Path | None = typer.Option(
        None, "--shadow-report", help="Keep what the draft would change in this file of JSON."
    ),
    as_json: bool = JSON,
) -> None:
    """Serve a policy's page, its files and AuthZEN until stopped; SIGHUP loads it again.

    With --settings, the whole provider: its customers' accounts, its staff's console.
    """
    from upheld.api.service import ServiceSettings

    if (policy is None) == (provider is None):
        raise UpheldError(
            "run takes a policy, or --settings with a provider's",
            code="usage",
            hint="give one of them",
        )
    if shadow_report and not shadow:
        raise UpheldError("--shadow-report needs --shadow", code="usage", hint="name the draft")
    if url:
        from upheld.core.reach import is_own_address

        if not is_own_address(url):
            raise UpheldError(
                "--url is not an address at which others reach a service",
                code="usage",
                hint="write https://HOST or http://HOST:PORT",
            )
    settings = ServiceSettings(
        host,
        port,
        watch=watch,
        token_file=token_file,
        trusted_proxies=trusted_proxies,
        url=url,
        rate=rate,
        json_logs=json_logs,
        contact=contact,
        shadow=shadow,
        shadow_report=shadow_report,
    )
    if provider is not None:
        serve_provider(provider, settings, jobs=not no_jobs, as_json=as_json)
    elif policy is not None:
        serve(policy, settings, as_json=as_json)


@contextmanager
def _bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error; elsewhere than on a terminal only its title."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        console.print(f"{title} …")
        yield lambda _done, _total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def demo(
    port: int = PORT,
    host: str = HOST,
    folder: Path | None = typer.Option(
        None, "--folder", help="Keep the demonstration there, and go on with it next time."
    ),
    customers: int = typer.Option(200, min=12, max=10_000, help="How many customers to make up."),
) -> None:
    """Build a made-up provider with two years of history, and serve the whole of it.

    What it builds is removed in the end, unless it is kept in a folder.
    """
    import signal
    import sys

    from upheld.api.service import ServiceSettings

    require_free(host, port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that nothing is left behind
    from upheld.app.provider import serve as serve_pages
    from upheld.demo.running import folder_of, greeting, ready

    address = f"[{host}]" if ":" in host else host
    with folder_of(folder) as where:
        with _bar("Building a made-up provider") as progress:
            demo_provider = ready(where, f"http://{address}:{port}", customers, progress)
        sys.stdout.write(greeting(demo_provider))
        sys.stdout.flush()
        assert demo_provider.settings.policy is not None  # noqa: S101 - the gate was opened on it
        serving = ServiceSettings(host, port, contact="mailto:security@larchvalley.example")
        serve_pages(demo_provider.provider, demo_provider.settings.policy, serving)


def publish(
    policy: Path = POLICY,
    out: Path = typer.Option(..., "--out", help="The folder to write into."),
    as_json: bool = JSON,
) -> None:
    """Write the page and the policy as JSON and JSON-LD into a folder."""
    from upheld.app.policy import publish_files

    rules = loaded(policy, as_json=as_json)
    try:
        paths = publish_files(rules, out)
    except OSError as error:
        raise UpheldError(
            f"{out} cannot be written: {error.strerror}",
            code="unwritable",
            hint="choose another folder",
        ) from None
    if as_json:
        print_json({"digest": rules.digest, "files": [str(path) for path in paths]})
    else:
        for path in paths:
            print(path)


def compile_policy(
    policy: Path = POLICY,
    out: Path = typer.Option(..., "--out", help="The file to write."),
    as_json: bool = JSON,
) -> None:
    """Write the file that any process loads without a parser."""
    from upheld.policy.load import pack

    rules = loaded(policy, as_json=as_json)
    packed = pack(rules)
    write_whole(out, packed)
    if as_json:
        print_json({"digest": rules.digest, "file": str(out), "bytes": len(packed)})
    else:
        print(f"{out}: {count_of(len(packed), 'byte')}, digest {rules.digest[:12]}")

"""`upheld new`: a policy file out of a published page, or a short one to start from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from upheld.cli.output import JSON, print_json, write_whole
from upheld.core.errors import PolicyError, UpheldError

if TYPE_CHECKING:
    from upheld.policy.load import Policy

BYTES_MAX = 4 * 1024 * 1024
HTML = frozenset((".html", ".htm", ".xhtml"))


def new(
    name: str = typer.Argument("policy", help="The file to write; `.md` is added."),
    page: Path | None = typer.Option(
        None, "--from", help="A published page to start from: HTML or Markdown."
    ),
    as_json: bool = JSON,
) -> None:
    """Start a policy: a short one, or one with the prose of a page and empty rules to fill in."""
    from upheld.policy.onboard import template

    path = Path(name if Path(name).suffix else f"{name}.md")
    if path.exists():
        raise UpheldError(
            f"{path} exists already", code="exists", hint="give another name: upheld new NAME"
        )
    text = template(path.stem.replace("-", " ").capitalize()) if page is None else converted(page)
    policy = made(text, page)
    write_whole(path, text.encode())
    bare = uncovered(policy)
    if as_json:
        print_json({"file": str(path), "clauses": len(policy.program.clauses), "uncovered": bare})
        return
    for each in bare:
        words = f"\n    {each['suggestion']}" if each["suggestion"] else ""
        print(f"{path}:{each['line']}: #{each['clause']}: {each['text']}{words}")
    print(f"{path}: {len(policy.program.clauses)} clauses, {len(bare)} to fill in with a rule or"
          f" mark `.note`; then `upheld check {path}`")  # fmt: skip


def converted(page: Path) -> str:
    """The policy file that a page becomes; UpheldError for a page that cannot be read."""
    from upheld.policy.onboard import from_html, from_markdown, policy_text

    try:
        raw = page.read_bytes()
    except OSError as error:
        raise UpheldError(
            f"{page} cannot be read: {error.strerror}", code="unreadable", hint="name a file"
        ) from None
    if len(raw) > BYTES_MAX:
        raise UpheldError(f"{page} has {len(raw)} bytes", code="too-large",
                          hint=f"a page has at most {BYTES_MAX}")  # fmt: skip
    try:
        if page.suffix.lower() in HTML or raw.lstrip()[:200].lower().startswith(
            (b"<!doctype html", b"<html")
        ):
            return policy_text(*from_html(raw))
        return policy_text(*from_markdown(raw.decode()))
    except ImportError:
        raise UpheldError("HTML needs a converter", code="missing-extra",
                          hint="pip install 'upheld[onboard]'") from None  # fmt: skip
    except UnicodeDecodeError:
        raise UpheldError(f"{page} is not UTF-8", code="encoding",
                          hint="save it as UTF-8") from None  # fmt: skip
    except RecursionError:
        raise UpheldError(f"{page} is nested too deep", code="too-deep",
                          hint="save the main part of the page alone") from None  # fmt: skip


def made(text: str, page: Path | None) -> Policy:
    """The policy in a new file; what the page has that no policy can hold is told."""
    from upheld.policy.load import load_text

    try:
        return load_text(text, file=str(page or "template"))
    except PolicyError as error:
        faults = "\n".join(str(fault) for fault in error.faults[:10])
        message = f"the page cannot become a policy as it is:\n{faults}"
        hint = "change these places in the page and try again"
        raise UpheldError(message, code="page", hint=hint) from None


def uncovered(policy: Policy) -> list[dict[str, Any]]:
    """The clauses that need a rule, in order, with the words found in each."""
    from upheld.policy.onboard import suggest, suggestion

    words = policy.program.vocabulary
    return [
        {
            "clause": clause.id, "line": clause.line, "text": clause.text[:70],
            "suggestion": suggestion(clause.text, words), "words": suggest(clause.text, words),
        }
        for clause in policy.program.clauses
        if not clause.covered
    ]  # fmt: skip

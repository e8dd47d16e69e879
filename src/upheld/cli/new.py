"""`upheld new`: a policy file out of a published page, or a short one to start from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from upheld.cli.output import JSON, print_json, write_whole
from upheld.core.counts import count_of
from upheld.core.errors import PolicyError, UpheldError
from upheld.core.extras import install_hint
from upheld.policy.import_page import (
    OmittedText,
    PublishedPage,
    from_html,
    from_markdown,
    is_much,
    lost_words,
)

if TYPE_CHECKING:
    from upheld.policy.load import Policy

BYTES_MAX = 4 * 1024 * 1024
HTML = frozenset((".html", ".htm", ".xhtml"))


def new(
    name: str = typer.Argument("policy", help="The file to write; `.md` is added."),
    page: Path | None = typer.Option(
        None, "--from", help="A published page to start from: HTML or Markdown."
    ),
    sample: bool = typer.Option(False, "--sample", help="The sample provider's whole policy."),
    as_json: bool = JSON,
) -> None:
    """Start a policy: a short one, the sample's, or a page's prose with empty rules to fill in.

    1 if more than a little of a page is not in the policy.
    """
    path = Path(name if Path(name).suffix else f"{name}.md")
    if path.exists():
        raise UpheldError(
            f"{path} exists already", code="exists", hint="give another name: upheld new NAME"
        )
    if page is not None and sample:
        raise UpheldError("give --from or --sample", code="usage", hint="leave one of them out")
    published = None if page is None else convert(page)
    policy = load_new(_text(path, published, sample=sample), page)
    left_out = []
    if published is not None:
        left_out = [*published.left_out, *lost_words(published, policy.program)]
        if all(clause.kind == "heading" for clause in policy.program.clauses):
            raise UpheldError(
                f"{page} has no prose that can be read",
                code="page",
                hint="save the page as a browser shows it, or copy its text into a Markdown file",
            )
    write_whole(path, policy.program.source.encode())
    _report(path, policy, left_out, as_json=as_json)
    raise typer.Exit(1 if published is not None and is_much(left_out, published) else 0)


def _text(path: Path, published: PublishedPage | None, *, sample: bool) -> str:
    """The policy file to begin with."""
    from upheld.cli.onboard import policy_text, template

    if published is not None:
        return policy_text(published.title, published.markdown, published.effective)
    if sample:
        return sample_text()
    return template(path.stem.replace("-", " ").capitalize())


def sample_text() -> str:
    """The sample provider's policy as it is shipped."""
    from upheld.demo import sample_policy

    return sample_policy().read_text(encoding="utf-8")


def _report(path: Path, policy: Policy, left_out: list[OmittedText], *, as_json: bool) -> None:
    bare = uncovered(policy)
    clauses = len(policy.program.clauses)
    if as_json:
        places = [each._asdict() for each in left_out]
        print_json({"file": str(path), "clauses": clauses, "uncovered": bare, "left_out": places})
        return
    for each in bare:
        words = f"\n    {each['suggestion']}" if each["suggestion"] else ""
        print(f"{path}:{each['line']}: #{each['clause']}: {each['text']}{words}")
    for place in left_out:
        line = f" at line {place.line}" if place.line else ""
        number = count_of(place.words, "word")
        print(f"left out: {place.where}{line}, {number}: {place.text}")
    print(
        f"{path}: {count_of(clauses, 'clause')}, {len(bare)} to fill in with a rule or"
        f" mark `.note`; then `upheld check {path}`"
    )


def convert(page: Path) -> PublishedPage:
    """A page as Markdown; UpheldError for one that cannot be read."""
    try:
        raw = page.read_bytes()
    except OSError as error:
        raise UpheldError(
            f"{page} cannot be read: {error.strerror}", code="unreadable", hint="name a file"
        ) from None
    if len(raw) > BYTES_MAX:
        raise UpheldError(
            f"{page} has {count_of(len(raw), 'byte')}",
            code="too-large",
            hint=f"a page has at most {BYTES_MAX}",
        )
    try:
        if page.suffix.lower() in HTML or raw.lstrip()[:200].lower().startswith(
            (b"<!doctype html", b"<html")
        ):
            return from_html(raw)
        return from_markdown(raw.decode())
    except ImportError:
        raise UpheldError(
            "HTML needs a converter", code="missing-extra", hint=install_hint("onboard")
        ) from None
    except UnicodeDecodeError:
        raise UpheldError(
            f"{page} is not UTF-8", code="encoding", hint="save it as UTF-8"
        ) from None
    except RecursionError:
        raise UpheldError(
            f"{page} is nested too deep",
            code="too-deep",
            hint="save the main part of the page alone",
        ) from None


def load_new(text: str, page: Path | None) -> Policy:
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
    from upheld.cli.onboard import suggest, suggestion

    words = policy.program.vocabulary
    return [
        {
            "clause": clause.id,
            "line": clause.line,
            "text": clause.text[:70],
            "suggestion": suggestion(clause.text, words),
            "words": suggest(clause.text, words),
        }
        for clause in policy.program.clauses
        if not clause.covered
    ]

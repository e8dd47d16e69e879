"""`upheld fmt`: blocks are laid out, and nothing else of the file is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from samples import FRONT, clause
from upheld.cli import layout
from upheld.core.errors import UpheldError

BODY = """
A {#a}

```rule
may   serve
```

`````markdown
```rule
may   serve
```
`````

> B {#b}
>
> ~~~rule
> may   amend
>  unless   minor
> ~~~

- C {#c}

  ```rule

  may     amend
  ```
  ```example
  yes amend
  ```

D {#d}

```rule
may   amend % and the reason for it
```
"""
LAID = (
    BODY.replace("may   serve\n```\n\n`", "may serve\n```\n\n`")
    .replace("may   amend\n>  unless   minor", "may amend when not minor")
    .replace("\n  may     amend\n", "  may amend\n")
    .replace("yes amend", "yes  amend")
)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_only_blocks_are_laid_out_and_every_other_byte_stays(end: str, mark: str) -> None:
    """Prose, comments, code that shows a block, quotations, line ends and byte order mark stay."""
    raw = (mark + (FRONT + BODY).replace("\n", end)).encode()
    found = layout.relaid(raw, "policy.md")
    assert found == (mark + (FRONT + LAID).replace("\n", end)).encode()
    assert layout.relaid(found, "policy.md") == found


def test_what_would_say_something_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A layout that changes what the policy says is never written."""
    monkeypatch.setattr(layout, "print_block", lambda _: "may serve\nmay amend\n")
    monkeypatch.setattr(layout, "_statements", lambda document: document.sections[0].blocks[0].text)
    with pytest.raises(UpheldError, match="nothing was changed"):
        layout.relaid((FRONT + clause("may   serve")).encode(), "policy.md")


def test_a_compiled_file_is_refused() -> None:
    """Only text has a layout."""
    with pytest.raises(UpheldError, match="compiled"):
        layout.relaid(b"upheld policy\n\x01", "policy.bin")


def test_every_good_case_is_laid_out_to_the_same_meaning() -> None:
    """Over all cases that ship, laying out twice is laying out once."""
    folder = Path(__file__).resolve().parents[2] / "policies/cases/good"
    for path in folder.glob("*.md"):
        once = layout.relaid(path.read_bytes(), str(path))
        assert layout.relaid(once, str(path)) == once

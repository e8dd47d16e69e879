"""What comes before the clauses: the bytes of the file as text, and its front matter."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING

import yaml

from upheld.core.errors import Fault, nearest
from upheld.policy.program import Front

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Report = Callable[[tuple[int, int], str, str, str, str], None]

BYTES_MAX = 4 * 1024 * 1024
FRONT_MAX = 64 * 1024  # characters of front matter; YAML is read slowly
KEYS = ("policy", "provider", "version", "effective", "part-of", "address", "vocabulary")
DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})\Z")
KEY_LINE = re.compile(r"[\w-]+[ \t]*:(?:[ \t]|\Z)")


def decode(raw: bytes, file: str) -> tuple[str, list[Fault]]:
    """Read a file's bytes, line ends as LF; a fault where it is too large or no text."""

    def fault(before: str, code: str, message: str, expected: str) -> Fault:
        text = newlines(before)
        line, column = text.count("\n") + 1, len(text) - text.rfind("\n")
        return Fault(
            file=file, line=line, column=column, code=code, message=message, expected=expected
        )

    if len(raw) > BYTES_MAX:
        message = f"the file has {len(raw)} bytes"
        return "", [fault("", "too-large", message, f"at most {BYTES_MAX} bytes")]
    faults = []
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        before = raw[: error.start].decode()
        faults.append(fault(before, "encoding", message, "a file saved as UTF-8"))
        text = raw.decode(errors="replace")
    if (at := text.find("\0")) >= 0:
        message = "the file has a NUL character"
        faults.append(fault(text[:at], "encoding", message, "plain text, saved as UTF-8"))
    return newlines(text), faults


def newlines(text: str) -> str:
    """End every line by LF alone."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _day(text: str) -> str:
    match = DATE.match(text)
    with suppress(ValueError):
        return date(*map(int, match.groups())).isoformat() if match else ""
    return ""


class FrontReader:
    """Reads the front matter from the lines of a file into `front`."""

    def __init__(self, lines: list[str], report: Report) -> None:
        self.lines, self.report = lines, report
        self.front = Front(policy="")

    def fault(
        self, place: tuple[int, int], message: str, expected: str = "", near: str = ""
    ) -> None:
        """Report a mistake in the front matter."""
        self.report(place, "front-matter", message, expected, near)

    def read(self) -> int:
        """Read the front matter and say how many lines it takes."""
        lines = self.lines
        if lines[0].rstrip() != "---":
            self.fault((1, 1), "the file has no front matter")
            return 0
        end = next((n for n, line in enumerate(lines) if n and line.rstrip() == "---"), 0)
        if not end:
            self.fault((1, 1), "the front matter does not end")
            return next((n for n, line in enumerate(lines) if n and not KEY_LINE.match(line)), 1)
        text, place, what = "\n".join(lines[1:end]), (2, 1), ""
        node = None
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader) if len(text) < FRONT_MAX else None
            what = "" if len(text) < FRONT_MAX else "too long"
        except yaml.MarkedYAMLError as error:
            what = error.problem or "not to be read"
            if mark := error.problem_mark or error.context_mark:
                place = mark.line + 2, mark.column + 1
        except (yaml.YAMLError, RecursionError) as error:
            what = str(error).split("\n", maxsplit=1)[0]
        if what or not isinstance(node, yaml.MappingNode | None):
            self.fault(place, f"the front matter is not YAML: {what or 'no keys'}")
        else:
            self.keys(node.value if node else [])
        return end + 1

    def keys(self, pairs: Sequence[tuple[yaml.Node, yaml.Node]]) -> None:
        """Take the values of the known keys as text."""
        values: dict[str, str] = {}
        for key_node, value in pairs:
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else ""
            place = key_node.start_mark.line + 2, key_node.start_mark.column + 1
            if key not in KEYS:
                self.fault(
                    place,
                    f"`{key}` is not a key of the front matter",
                    ", ".join(KEYS),
                    nearest(key, KEYS),
                )
            elif key in values:
                self.fault(place, f"`{key}` stands twice", "each key once")
            elif not isinstance(value, yaml.ScalarNode):
                values[key] = "?"
                self.fault(place, f"`{key}` must be text", f"`{key}: VALUE`")
            else:
                null = value.tag.endswith(":null")
                values[key] = "" if null else " ".join(value.value.split())
        if (effective := values.get("effective")) and effective != "?":
            values["effective"] = _day(effective)
            if not values["effective"]:
                place = next(
                    (v.start_mark.line + 2, v.start_mark.column + 1)
                    for k, v in pairs
                    if k.value == "effective"
                )
                self.fault(place, f"`{effective}` is not a date", "2025-01-31, say")
        if not values.get("policy"):
            self.fault((1, 1), "the front matter has no `policy`")
        members = {key.replace("-", "_"): value for key, value in values.items() if value}
        self.front = Front(**{"policy": "", **members})

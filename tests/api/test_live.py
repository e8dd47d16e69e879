"""A policy that changes while it is served: swapped in whole, or refused while the old goes on."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import upheld
from processes import wait_until
from upheld.api.live import Live
from upheld.api.logs import Lines, event
from upheld.api.service import Service, ServiceSettings
from upheld.app.policy import policy_app
from upheld.core.errors import PolicyError

GOOD = """---
policy: One
---

We share your e-mail address. {#share}

```rule
may share email
```
"""
NEXT = GOOD.replace("One", "Two").replace("email", "phone")
WRONG = GOOD.replace("may share", "may shar")
UNTRUE = GOOD + "\n```example\nno  share email\n```\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A good policy's file."""
    found = tmp_path / "policy.md"
    found.write_text(GOOD, encoding="utf-8")
    return found


def title(policy: upheld.Policy) -> str:
    """What is built from a policy, for these tests."""
    return policy.front.policy


def write(path: Path, text: str | bytes) -> None:
    """Write a file in place, as an editor might."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)


def test_a_changed_file_is_swapped_in_whole(path: Path) -> None:
    """After a change at rest the policy and all that was built from it are the new ones."""
    live = Live(path, title)
    before = live.now
    assert live.look() == ""
    write(path, NEXT)
    assert [live.look(), live.look(), live.look()] == ["", "swapped", ""]
    assert live.now.built == "Two"
    assert live.now.policy.digest != before.policy.digest
    assert before.built == "One"  # whoever holds the old one keeps it


@pytest.mark.parametrize("text", [WRONG, UNTRUE, "", b"\xff", "# no front matter"])
def test_a_wrong_file_is_refused_with_its_errors(
    path: Path, text: str | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """A file with mistakes, or whose examples do not hold, leaves the old policy in force."""
    logging.getLogger("upheld").propagate = True
    live = Live(path, title)
    write(path, text)
    with caplog.at_level(logging.INFO, "upheld"):
        assert [live.look(), live.look(), live.look()] == ["", "refused", ""]
    assert live.now.built == "One"
    [record] = [each for each in caplog.records if each.msg == "policy refused"]
    assert record.facts["faults"]  # type: ignore[attr-defined] # what the event was given
    write(path, NEXT)
    assert [live.look(), live.look()] == ["", "swapped"]


def test_a_file_that_is_being_written_is_waited_for(path: Path) -> None:
    """Nothing is loaded while a file still changes from one look to the next."""
    live = Live(path, title)
    for end in range(10, len(NEXT), 20):
        write(path, NEXT[:end])
        assert live.look() == ""
    write(path, NEXT)
    assert [live.look(), live.look()] == ["", "swapped"]


def test_a_file_that_vanishes_and_comes_back(path: Path) -> None:
    """A vanished file is refused once; the same file again is no change, another one is."""
    live = Live(path, title)
    path.unlink()
    assert [live.look(), live.look(), live.look()] == ["", "refused", ""]
    write(path, GOOD)
    assert [live.look(), live.look()] == ["", "unchanged"]
    assert live.now.built == "One"


def test_a_changed_vocabulary_is_a_changed_policy(tmp_path: Path) -> None:
    """The policy's own words beside it are watched too."""
    words = tmp_path / "words.toml"
    words.write_text("[data]\nshoe-size = {}\n", encoding="utf-8")
    path = tmp_path / "policy.md"
    text = GOOD.replace("policy: One", "policy: One\nvocabulary: words.toml")
    path.write_text(text.replace("share email", "share shoe-size"), encoding="utf-8")
    live = Live(path, title)
    words.write_text("[data]\nshoe-size = {}\nhat-size = {}\n", encoding="utf-8")
    assert [live.look(), live.look()] == ["", "swapped"]
    words.write_text("[data]\nhat-size = {}\n", encoding="utf-8")
    assert [live.look(), live.look()] == ["", "refused"]


def test_what_a_new_policy_breaks_leaves_the_old_one(path: Path) -> None:
    """A failure of the program itself in building refuses the change too."""

    def build(policy: upheld.Policy) -> str:
        if policy.front.policy == "Two":
            raise ZeroDivisionError
        return policy.front.policy

    live = Live(path, build)
    write(path, NEXT)
    assert live.reload() == "refused"
    assert live.now.built == "One"


@pytest.mark.parametrize("text", [WRONG, UNTRUE])
def test_a_wrong_file_does_not_start(path: Path, text: str) -> None:
    """There is no old policy to go on with at the start, so a wrong one is an error."""
    write(path, text)
    with pytest.raises(PolicyError):
        Live(path, title)


def test_pages_and_answers_change_together(path: Path) -> None:
    """The page, the digest and the decisions of a watched file are always those of one policy."""
    service = Service(path, policy_app, ServiceSettings(watch=True))
    question = {
        "subject": {"type": "party", "id": "advertiser"},
        "action": {"name": "share"},
        "resource": {"type": "data", "id": "phone"},
    }
    with TestClient(service) as client:
        before = client.post("/access/v1/evaluation", json=question).json()
        write(path, NEXT)
        wait_until(lambda: "Two" in client.get("/privacy").text)
        after = client.post("/access/v1/evaluation", json=question).json()
        assert (before["decision"], after["decision"]) == (False, True)
        assert client.get("/healthz").json()["digest"] in after["context"]["policy"]
        write(path, WRONG)
        wait_until(lambda: 'result="refused"' in client.get("/metrics").text)
        assert client.post("/access/v1/evaluation", json=question).json()["decision"] is True


def test_tokens_are_read_again_and_wrong_ones_refused(path: Path, tmp_path: Path) -> None:
    """A reload takes a new token file, and keeps the old tokens where the new file is wrong."""
    tokens = tmp_path / "tokens"
    tokens.write_text("a " + "x" * 32, encoding="utf-8")
    tokens.chmod(0o600)
    service = Service(path, policy_app, ServiceSettings(token_file=tokens))
    tokens.write_text("b " + "y" * 32, encoding="utf-8")
    service.reload()
    assert service.access.tokens is not None
    assert service.access.tokens.caller("Bearer " + "y" * 32) == "b"
    tokens.chmod(0o644)
    service.reload()
    assert service.access.tokens.caller("Bearer " + "y" * 32) == "b"


def test_a_log_line_is_json_without_messages_of_errors() -> None:
    """An event is one JSON object, and an exception is told without what it says."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Lines())
    logger = logging.getLogger("upheld")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        event("loaded", digest="d")
        try:
            int("someone@example.org")
        except ValueError:
            logger.exception("failed")
    finally:
        logger.removeHandler(handler)
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["event"], first["digest"], first["level"]) == ("loaded", "d", "info")
    assert second["error"] == "ValueError"
    assert "someone" not in stream.getvalue()

"""One list of dimensions: an act, an entry, a question and a table have the same ones.

That another dimension is one more line is shown by adding it, in a copy of the package.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import upheld
from upheld.api.messages import Context
from upheld.core.dimensions import DIMENSIONS, DimensionValues, EntryDimensions, dimension_values
from upheld.gate.act.request import Act
from upheld.ledger.entries import Entry, decode, encode
from upheld.policy.request import Request
from upheld.practices.notices.questions import QUESTION_KEYS

PACKAGE = Path(upheld.__file__).parent
LINE = "    place: Annotated["
MORE = '    channel: Annotated[Part, Dimension("channel", "via", "via")] = UNSAID\n'
PROGRAM = '''
import ibis
import upheld
from upheld.api import messages as m
from upheld.api.authzen import AuthZen
from upheld.gate.act.request import Act
from upheld.gate.log.sentences import entry_sentence
from upheld.ledger.entries import Entry, decode, encode
from upheld.policy.bulk.screen import screen
from upheld.policy.replay import Replay
from upheld.policy.reference import reference
from upheld.practices.notices.questions import QuestionAnswerer

WORDS = """
extends = false
[action]
contact = {takes = ["purpose", "channel"], label = "write to you"}
[purpose]
offers = {label = "offers"}
[channel]
post = {label = "post"}
text-message = {label = "text message"}
"""
TEXT = """---
policy: One more
---

We write to you by post. {#post}

```rule
define slow-ways as post, other
may contact for offers via slow-ways
```

```example
yes  contact for offers via post
no   contact for offers via text-message
```
"""
policy = upheld.load_text(TEXT, vocabulary=WORDS)
for channel, wanted in (("post", "allow"), ("text-message", "deny")):
    asked = {"action": "contact", "purpose": "offers", "channel": channel}
    assert policy.answer(asked)["outcome"] == wanted == reference(policy.program, asked)["outcome"]
    act = Act(action="contact", purpose="offers", channel=channel)
    assert policy.decide(act.request()).outcome == wanted
    words = act.entry_fields()
    entry = Entry(kind="act", time="2026-01-01T00:00:00.000000Z", action="contact", **words)
    assert decode(encode(entry)).channel == channel
    assert f"via {channel.replace('-', ' ')}" in entry_sentence(entry, policy)
    question = m.EvaluationRequest(
        m.Subject("party", "provider"), m.Action("contact"), m.Resource("service", "any"),
        m.Context(purpose="offers", channel=channel))
    assert AuthZen(policy).evaluation(question).decision == (wanted == "allow")
    form = QuestionAnswerer(policy)
    assert form.answer(form.read(asked.items())).verdict == {"allow": "yes", "deny": "no"}[wanted]
assert policy.answer({"action": "contact", "purpose": "offers"})["depends"] == {
    "channel": ["text-message"]}
rows = ibis.memtable({"purpose": ["offers"] * 2, "channel": ["post", "text-message"]})
found = screen(policy, rows, {"action": "contact"}).to_pyarrow().to_pylist()
told_rows = {row["channel"]: row["outcome"] for row in found}
assert told_rows == {"post": "allow", "text-message": "deny"}, found
replay = Replay(policy, None, lambda line: (__import__("msgspec").json.decode(line), None))
replay.batch([b'{"action":"contact","channel":"post"}'] * 2)
assert replay.report().questions == 2
print("one more dimension")
'''


def test_all_who_name_dimensions_name_the_same() -> None:
    """A request, an act, an entry, AuthZEN's context and the form have each dimension once."""
    for each in (Request, Act, Entry, Context, DimensionValues, EntryDimensions):
        fields = [name for name in each.__struct_fields__ if name in DIMENSIONS]
        assert sorted(fields) == sorted(DIMENSIONS), each
    assert ("action", *DIMENSIONS) == QUESTION_KEYS


def test_an_act_says_its_place_and_its_entry_tells_it() -> None:
    """What an act says comes into the question and into the entry, party's name included."""
    act = Act(action="store", data=("email",), place="abroad", actor="staff", party="anna")
    assert dimension_values(act.request()) == {
        "data": ("email",),
        "actor": ("staff",),
        "place": ("abroad",),
    }
    entry = Entry(kind="act", time="2026-01-01T00:00:00.000000Z", **act.entry_fields())
    assert (entry.place, entry.actor) == ("abroad", "staff anna")
    assert decode(encode(entry)) == entry


def test_an_entry_that_names_no_place_is_written_as_before() -> None:
    """A new dimension takes no byte of an entry that does not name it."""
    entry = Entry(kind="act", time="2026-01-01T00:00:00.000000Z", action="use", purpose="billing")
    assert encode(entry) == (
        b'{"action":"use","kind":"act","purpose":"billing","time":"2026-01-01T00:00:00.000000Z"}'
    )


@pytest.mark.parametrize("said", ["", [], ["email", 3]])
def test_a_dimension_said_wrongly_is_no_dimension_left_out(said: object) -> None:
    """An empty word or list in AuthZEN's context is kept, so that it is refused as one."""
    try:
        context = msgspec.convert({"purpose": said}, Context)
    except msgspec.ValidationError:
        return
    assert dimension_values(context) == {"purpose": said}


def test_another_dimension_is_another_line(tmp_path: Path) -> None:
    """One line more, and rules, acts, entries, forms, AuthZEN and tables can name it."""
    copy = tmp_path / "upheld"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    table = copy / "core" / "dimensions.py"
    text = table.read_text()
    assert text.count(LINE) == 1
    table.write_text(text.replace(LINE, MORE + LINE))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
    )
    assert (done.stdout, done.stderr[-2000:]) == ("one more dimension\n", "")

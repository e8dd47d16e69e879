"""The shape of the house: no file is long, every module opens with its story, no host is named."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

from upheld.database.declared import sealed_tables

ROOT = Path(__file__).resolve().parents[2]
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60

# Written so that the patterns do not match this file.
FOREIGN = re.compile(
    r"pypi[.]org|pythonhosted[.]org|deb[.]debian[.]org|index-url +[a-z]+:|[a-z]/simple/"
    r"|/wor[k]/|/hom[e]/[a-z]",
    re.IGNORECASE,
)
SILENCES = re.compile(r"#\s*(?:noqa|type:\s*ignore|pragma)")
EXCEPTION = re.compile(
    SILENCES.pattern + r"(?P<codes>:\s*[A-Z]+[0-9]+(?:,\s*[A-Z]+[0-9]+)*"
    r"|\[[a-z0-9, -]+\]|:\s*no cover)?(?P<reason>.*)$"
)


def _files() -> Iterator[Path]:
    """All files that a commit may hold: everything but what .gitignore names."""
    ignored = [".git", *(ROOT / ".gitignore").read_text(encoding="utf-8").split()]
    waiting = [ROOT]
    while waiting:
        for path in sorted(waiting.pop().iterdir()):
            if any(fnmatch(path.name, pattern.rstrip("/")) for pattern in ignored):
                continue
            if path.is_dir():
                waiting.append(path)
            else:
                yield path


FILES = tuple(_files())
PYTHON = tuple(path for path in FILES if path.suffix == ".py")


@cache
def trees() -> dict[Path, ast.Module]:
    """What each module says, read by whichever process runs the first test that asks."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in PYTHON}


def _place(path: Path, line: int = 1) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


@cache
def _functions(tree: ast.Module) -> tuple[ast.FunctionDef | ast.AsyncFunctionDef, ...]:
    both = (ast.FunctionDef, ast.AsyncFunctionDef)
    return tuple(node for node in ast.walk(tree) if isinstance(node, both))


def test_no_file_is_longer_than_the_limit() -> None:
    """A file above the limit is two files that have not been told apart yet."""
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in PYTHON}
    assert [_place(path, count) for path, count in lines.items() if count > FILE_LINES_MAX] == []


def test_no_function_is_longer_than_the_limit() -> None:
    """What a function does fits on a screen, below its signature of a parameter a line."""
    long = [
        _place(path, node.lineno)
        for path, tree in trees().items()
        for node in _functions(tree)
        if (node.end_lineno or node.lineno) - node.body[0].lineno >= FUNCTION_LINES_MAX
    ]
    assert long == []


def test_every_module_tells_its_story() -> None:
    """A reader learns from the first lines what a module is for."""
    assert [_place(path) for path, tree in trees().items() if not ast.get_docstring(tree)] == []


def test_every_test_says_in_one_sentence_what_holds() -> None:
    """A test's docstring is the behaviour that it holds fast, in one sentence."""
    silent = []
    for path, tree in trees().items():
        if not path.name.startswith("test_"):
            continue
        for node in _functions(tree):
            said = " ".join((ast.get_docstring(node) or "").split())
            if node.name.startswith("test_") and (
                not said.endswith(".") or re.search(r"\. [A-Z]", said)
            ):
                silent.append(_place(path, node.lineno))
    assert silent == []


def test_no_file_names_a_registry_or_a_folder_of_one_machine() -> None:
    """Whoever installs upheld chooses where packages come from, and where the checkout lies."""
    named = []
    for path in FILES:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:  # an image or the like
            continue
        named += [_place(path, n) for n, line in enumerate(lines, 1) if FOREIGN.search(line)]
    assert named == []


_LOOKED_AT = "says whom to look at; each is read anew then and checked, row and set"
_COUNTED = "counts whose word a draft drops; no act rests on it, and a row more only refuses"
READ_UNCHECKED = {
    (
        "practices/agreements/pulls.py",
        "task",
    ): "whom a partner may ask for is looked for; the policy decides on each of them",
    ("gate/erasure/delete_fields.py", "dropped"): _LOOKED_AT,
    ("gate/erasure/dry_run.py", "item"): "says what would go; nothing is deleted by it",
    ("practices/ads/stock.py", "ad_count"): "counts for managers",
    ("gate/erasure/value_counts.py", "item"): "counts for managers, on which nothing rests",
    ("vault/blind_index.py", "blind_index"): _LOOKED_AT,
    ("practices/extracts/extracts.py", "extract_person"): _LOOKED_AT,
    (
        "practices/reports/reports.py",
        "report",
    ): "which reports wait to be counted; each is read checked then",
    (
        "gate/erasure/erase.py",
        "erasure",
    ): "keys and counts; whatever is done with one reads it checked",
    ("gate/editions/licences.py", "licence"): "whether one changed; all are read checked then",
    ("gate/editions/store.py", "posted_version"): "a number; another one has all rows read checked",
    (
        "practices/ads/ad_reports.py",
        "ad_report",
    ): "sums say which campaigns may have their booking; of those it is read checked",
    (
        "practices/ads/pictures.py",
        "ad_picture",
    ): "how its own advertiser's page shows it; the picture itself is read checked",
    (
        "practices/collection/endings.py",
        "visit_tie",
    ): "what ends is deleted whatever it is; whose a cookie is its seal says",
    ("practices/collection/former_ties.py", "visit_tie"): _LOOKED_AT,
    ("practices/collection/former_ties.py", "visit_day"): _LOOKED_AT,
    ("practices/collection/former_ties.py", "visit_block"): "each is read anew then and checked",
    (
        "practices/collection/page_months.py",
        "visit_tie",
    ): "a browser that anybody else may have had is nobody's",
    ("gate/inquiries.py", "record"): "says for which moments the policy is asked",
    ("practice/terms.py", "terms_version"): "a number; where there is one, rows are read checked",
    ("gate/obligations.py", "record"): _LOOKED_AT,
    (
        "gate/obligations.py",
        "item",
    ): "leaves out who owes it already; self-check finds what was added",
    (
        "gate/evidence/records.py",
        "record",
    ): "checks the rows itself; a body is sealed for its record",
    ("gate/evidence/word_uses.py", "record"): _COUNTED,
    ("gate/evidence/word_uses.py", "item"): _COUNTED,
    ("gate/erasure/retention.py", "record"): _LOOKED_AT,
    ("gate/erasure/values_apart.py", "record"): "says of whom records are then read checked",
    ("gate/erasure/retention.py", "item"): _LOOKED_AT,
    ("gate/erasure/value_counts.py", "record"): "leaves people out of a count; no act rests on it",
    ("gate/operations/safeguards.py", "item"): "counts what is late for a page; no act rests on it",
    ("practice/accounting.py", "delivery_item"): "tells what waits; nothing is done by it",
    ("practice/deliveries.py", "delivery_item"): "whom to lock, and counts; items are read anew",
    ("practice/outbox.py", "outbox"): "who was written to with a key; at worst nobody is again",
    ("practice/recipient_requests.py", "recipient_request"): "counts what is late for a page",
    ("practice/invitations.py", "invitation"): _LOOKED_AT,
    ("practice/page_looks.py", "page_look"): "whether one changed; it is read checked then",
    ("practice/partner_transactions.py", "partner_transaction"): _LOOKED_AT,
    ("practice/partner_marks.py", "partner_transaction"): "whether to look twice; rows are checked",
    (
        "practice/withdrawn_rows.py",
        "partner_transaction",
    ): "whether all that was changed is hidden; what is told was read checked",
    ("practices/feeds/withdrawal.py", "partner_transaction"): _LOOKED_AT,
    ("practices/collection/own_visits.py", "visit_block"): "says of which days there are visits",
    ("practices/accounts/domain.py", "account"): "whether a number is taken; it is unique anyway",
    ("practices/accounts/domain.py", "outbox"): "leaves people out; who has none is checked after",
    ("practices/billing/invoices.py", "service_order"): _LOOKED_AT,
    ("practices/billing/invoices.py", "billed"): "leaves out who was billed; self-check finds it",
    (
        "practices/collection/beacon_keys.py",
        "visit_block",
    ): "counts for managers, on which nothing rests",
    (
        "practices/collection/stock.py",
        "visit_block",
    ): "counts for managers, on which nothing rests",
    ("practices/collection/blocks.py", "visit_block"): "leads to blocks; these are checked",
    (
        "practices/collection/compaction.py",
        "visit_block",
    ): "finds alike blocks; their rows are checked",
    (
        "practices/collection/public_lines.py",
        "visit_block",
    ): "a day that anybody may read, on which nothing rests",
    ("practices/feeds/stock.py", "partner_transaction"): "counts for managers",
    ("practices/feeds/public_lines.py", "partner_transaction"): "a day that anybody may read",
    ("practices/feeds/questions.py", "likeness_question"): "counts that the desk reads",
    ("practices/collection/own_visits.py", "visit_day"): "each is read anew then and checked",
    ("practices/collection/rewriting.py", "visit_block"): "names the days of damaged blocks",
    ("practices/collection/retention.py", "visit_block"): "names kinds of data; the rows go anyway",
    ("practices/collection/rewriting.py", "visit_day"): "names days; each is read anew and checked",
    ("practices/collection/erasing.py", "visit_day"): "each is read anew then and checked",
    ("practices/collection/erasing.py", "visit_block"): "each is read anew then and checked",
    ("practices/collection/ties.py", "visit_tie"): _LOOKED_AT,
    ("practices/collection/untying.py", "visit_tie"): _LOOKED_AT,
    ("practices/collection/released.py", "visit_block"): "each is read anew then and checked",
    ("practices/collection/moving.py", "visit_tie"): "whose rows it finds are checked then",
    ("practices/collection/moving.py", "visit_block"): "each is read anew then and checked",
    ("practices/collection/holding.py", "visit_block"): "each is read anew then and checked",
    ("practices/collection/holding.py", "visit_day"): "says which keys go with their days",
    ("practices/collection/new_keys.py", "visit_block"): "counts what goes; others are checked",
    ("practices/collection/new_keys.py", "visit_day"): "a key is right if something opens with it",
    ("practices/legal/apart.py", "legal_reach"): "each is read anew then and checked",
    ("practices/legal/reach.py", "legal_reach"): "tells of those that were changed",
    ("practices/deliveries/desk.py", "delivery"): "counts for managers, on which nothing rests",
    (
        "practices/incidents/notices.py",
        "incident_person",
    ): "leaves out who has a row; self-check finds what was added",
    (
        "practices/takeovers/coverage.py",
        "takeover_account",
    ): "leaves out who has a row, and counts; self-check finds what was added",
    ("practices/takeovers/transfers.py", "takeover_account"): "whom to go to next, and counts",
    ("practices/takeovers/handover.py", "takeover_account"): "counts who waits still",
    ("practices/incidents/incidents.py", "incident_person"): "counts that pages tell",
    ("practices/programmes/members.py", "programme_member"): "counts for managers",
    ("practices/programmes/runs.py", "programme_member"): "whether anybody is to be looked at",
    ("practices/messages/desk.py", "outbox"): "counts for managers, on which nothing rests",
}
"""Where a statement of its own reads a sealed table, and why nothing is believed by it."""


def _texts(tree: ast.Module) -> Iterator[str]:
    """The texts of a module, with nothing where a value is put in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(each.value) if isinstance(each, ast.Constant) else " " for each in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _looks(tree: ast.Module) -> Iterator[str]:
    """The tables of which a module looks at columns by `tables.select_unchecked(table, …)`."""
    named = {
        each.asname or each.name: each.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for each in node.names
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and getattr(node.func, "attr", "") == "select_unchecked"
            and node.args
        ):
            table = node.args[0]
            word = table.attr if isinstance(table, ast.Attribute) else getattr(table, "id", "")
            yield named.get(word, word)


def test_rows_that_decide_are_read_and_written_in_one_place() -> None:
    """Elsewhere no statement writes a sealed table, and none reads one but for a reason given."""
    names = "|".join(each.name for each in sealed_tables())
    write = re.compile(rf"\b(?:INSERT\s+INTO|DELETE\s+FROM|UPDATE)\s+({names})\b")
    read = re.compile(rf"\b(?:FROM|JOIN)\s+({names})\b")
    apart, source = {"migrations", "database"}, ROOT / "src" / "upheld"
    written, found = [], set()
    for path, tree in trees().items():
        if not path.is_relative_to(source) or not apart.isdisjoint(path.parts):
            continue
        name = path.relative_to(source).as_posix()
        for text in _texts(tree):
            written += [(name, table) for table in write.findall(text)]
            found |= {(name, table) for table in read.findall(text)}
        found |= {(name, table) for table in _looks(tree) if table in names.split("|")}
    assert written == []
    assert found == READ_UNCHECKED.keys()


def test_every_exception_to_a_rule_carries_its_reason() -> None:
    """A silenced check names its code and says on the same line why it is right here."""
    bare = []
    for path in PYTHON:
        text = path.read_text(encoding="utf-8")
        if not SILENCES.search(text):  # most do not, and to tell comments apart takes long
            continue
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type != tokenize.COMMENT or not (found := EXCEPTION.search(token.string)):
                continue
            if not found["codes"] or len(found["reason"].strip(" #-:—")) < len("so far"):
                bare.append(_place(path, token.start[0]))
    assert bare == []


def test_the_formatter_lays_code_out() -> None:
    """Nobody lays code out by hand."""
    by_hand = [
        _place(path, number)
        for path in PYTHON
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"# fmt: (?:skip|off)$", line)
    ]
    assert by_hand == []


def test_an_id_in_a_signature_is_a_type() -> None:
    """A task's id is not taken for an agreement's: `core/ids.py` has a type for each."""
    words = {"as_id", "clause_id", "listed_ids"}  # of a document: what its author called it
    bare = []
    for path, tree in trees().items():
        if not path.is_relative_to(ROOT / "src" / "upheld") or "migrations" in path.parts:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.arg):
                name, of = node.arg, node.annotation
            elif isinstance(node, ast.AnnAssign):
                name, of = ast.unparse(node.target), node.annotation
            else:
                continue
            if of is None or name in words or not re.search(r"_ids?$", name):
                continue
            if re.search(r"\b(?:str|int)\b", ast.unparse(of)):
                bare.append(_place(path, node.lineno))
    assert bare == []


def test_a_docstring_is_read_alone() -> None:
    """None begins by what another one says."""
    leaning = [
        _place(path, node.lineno)
        for path, tree in trees().items()
        if "tests" not in path.parts
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if re.match(r"(?:The same|As `|As above)\b", ast.get_docstring(node) or "")
    ]
    assert leaning == []

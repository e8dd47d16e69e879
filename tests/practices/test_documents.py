"""Documents of the legal desk and of takeovers: as courts serve them, whole and never on a disk."""

from __future__ import annotations

import tempfile
import tracemalloc
from pathlib import Path

import pytest

from empty import empty_database
from practices import orders
from practices.closings import lawyers_of
from practices.conftest import TOKEN, House
from practices.orders import account_of, desk_of
from practices.test_legal import DESK, form, open_by_page
from practices.test_takeovers import CONSOLE
from upheld.database import checks
from upheld.database.statements import rows, run
from upheld.database.transaction import reading, writing
from upheld.practice.documents import DOCUMENT_MAX, document_at

LARGEST = b"%PDF-" + bytes(range(256)) * (DOCUMENT_MAX // 256 - 1)
SAYS = "at most 10 MB"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough for what a form may be."""
    return empty_database(tmp_path)


@pytest.fixture
def _no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that is sent is written to a file."""

    def write(*_: object, **__: object) -> None:
        raise AssertionError("a document came to a disk")

    monkeypatch.setattr(tempfile, "TemporaryFile", write)


@pytest.mark.usefixtures("_no_files")
def test_a_scan_of_nearly_ten_megabytes_comes_back_as_it_was_sent(house: House) -> None:
    """A form that is too large is told how large it may be, and nothing is opened."""
    desk, ann = desk_of(house), house.customer()
    officer = house.signed_in(desk.officer, "staff")
    answer = open_by_page(officer, form(house, ann), LARGEST)
    assert answer.status_code == 303, answer.text
    path = answer.headers["location"].partition("?")[0]
    assert officer.get(f"{path}/document").content == LARGEST
    too_large = open_by_page(officer, form(house, ann), LARGEST + bytes(60_000))
    assert too_large.status_code == 413
    assert SAYS in too_large.text
    with house.provider.gate.gate.look() as tables:
        assert len(desk.instruments.all(tables)) == 1


@pytest.mark.usefixtures("_no_files")
def test_a_deed_of_nearly_ten_megabytes_is_taken_in_with_its_closing(house: House) -> None:
    """At the console of takeovers, where the same holds."""
    lawyers = lawyers_of(house)
    cleo = house.signed_in(lawyers.first, "staff")
    match = TOKEN.search(cleo.get(CONSOLE).text)
    assert match
    data = {
        "_token": match[1],
        "kind": "sale",
        "successor": lawyers.party,
        "reference": "Deed 7",
        "effective": "2026-03-11",
        "covers": "schedule",
        "accounts": account_of(house, house.customer()),
    }
    answer = cleo.post(CONSOLE, data=data, files={"document": ("deed.pdf", LARGEST)})
    assert answer.status_code == 303, answer.text
    path = str(answer.headers["location"]).partition("?")[0]
    assert cleo.get(f"{path}/document").content == LARGEST
    wide = {"document": ("deed.pdf", LARGEST + bytes(60_000))}
    too_large = cleo.post(CONSOLE, data=data, files=wide)
    assert (too_large.status_code, SAYS in too_large.text) == (413, True)


def test_nobody_else_of_the_staff_sends_forms_of_that_size(house: House) -> None:
    """They are refused before anything of it is read, as everywhere; so is it at another page."""
    desk, ann = desk_of(house), house.customer()
    others = house.signed_in(house.staff("manager", sign_in="max"), "staff")
    match = TOKEN.search(others.get("/staff").text)
    assert match
    data = {"_token": match[1], **form(house, ann)}
    files = {"document": ("order.pdf", LARGEST)}
    for path in (DESK, CONSOLE):
        answer = others.post(path, data=data, files=files)
        assert answer.status_code == 413
        assert "at most 131 kB" in answer.text
    small = {"document": ("order.pdf", b"%PDF-")}
    assert others.post(DESK, data=data, files=small).status_code == 403
    officer = house.signed_in(desk.officer, "staff")
    assert officer.post(f"{DESK}/{'0' * 32}/check", data=data, files=files).status_code == 413


def test_of_a_file_that_is_too_large_so_much_is_read_that_it_is_refused(tmp_path: Path) -> None:
    """And no more; one that fits is whole."""
    file = tmp_path / "order.pdf"
    file.write_bytes(LARGEST)
    assert document_at(file) == LARGEST
    file.write_bytes(bytes(3 * DOCUMENT_MAX))
    assert len(document_at(file)) == DOCUMENT_MAX + 1


def test_a_self_check_reads_documents_a_few_at_a_time_and_misses_none(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve of a megabyte in less than half of that; one that was changed or taken is named."""
    desk, ann = desk_of(house), house.customer()
    for number in range(12):
        document = b"%PDF-" + bytes([number]) * 1_000_000
        orders.opened(house, desk, orders.demand(house, ann), document)
    monkeypatch.setattr(checks, "IN_MEMORY", 3_000_000)

    def problems() -> list[str]:
        with reading(house.provider.gate.gate.engine) as connection:
            return [str(each) for each in checks.problems_of_registers(connection)]

    tracemalloc.start()
    assert problems() == []
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 8_000_000
    with reading(house.provider.gate.gate.engine) as connection:
        ids = [each for (each,) in rows(connection, "SELECT instrument_id FROM legal_document")]
    one = sorted(ids)[6]
    engine = house.provider.gate.gate.engine
    with writing(engine) as connection:
        run(
            connection,
            "UPDATE legal_document SET sealed = ? WHERE instrument_id = ?",
            b"x",
            one,
        )
    assert problems() == [f"a row of `legal_document` {one} was changed by somebody else"]
    with writing(engine) as connection:
        run(connection, "DELETE FROM legal_document WHERE instrument_id = ?", one)
    (problem,) = problems()
    assert "rows of `legal_document` that are nobody's are missing" in problem

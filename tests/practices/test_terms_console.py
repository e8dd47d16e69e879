"""Drafts of the Master Terms in the console: made, compared, posted by another, dropped."""

from __future__ import annotations

from hashlib import sha256

import httpx2
from starlette.testclient import TestClient

from practices.conftest import TOKEN, House, send
from practices.test_terms import NEW
from practices.test_version_console import SURE, words
from upheld.practice import terms

HERE = "/staff/terms"
PUBLIC = "/terms/versions"


def counsel(house: House, sign_in: str, role: str = "counsel") -> TestClient:
    """The browser of somebody who works on the terms."""
    terms.take_first(house.provider.gate.gate, house.provider.settings.agreement)
    return house.signed_in(house.staff(role, sign_in=sign_in), "staff")


def paste(
    browser: TestClient, text: str, name: str = "2", file: bytes | None = None
) -> httpx2.Response:
    """Send the form for another draft, with a text that is pasted, or with a file."""
    token = TOKEN.search(browser.get(HERE).text)
    assert token
    form = {"_token": token[1], "version": name, "text": text}
    return browser.post(HERE, data=form, files={"file": ("terms.md" if file else "", file or b"")})


def drafted(browser: TestClient, text: str, name: str = "2") -> str:
    """The path of a draft that is made of a text."""
    answer = paste(browser, text, name)
    assert answer.status_code == 303, words(answer)
    return str(answer.headers["location"])


def do(browser: TestClient, path: str, step: str) -> httpx2.Response:
    """Take a step with a draft, and confirm it."""
    return send(browser, f"{path}/{step}", SURE, path)


def test_terms_are_pasted_compared_and_posted_by_another(house: House) -> None:
    """What changes is marked word by word; then they are served, and listed by their digest."""
    olga, paul = counsel(house, "olga"), counsel(house, "paul", "manager")
    path = drafted(olga, NEW.replace("\n", "\r\n"))
    page = olga.get(path)
    assert "<ins>owe within *fourteen* days,</ins>" in page.text
    assert "You drafted it, so somebody else posts it." in words(page)
    assert olga.get(f"{path}/terms.md").content == NEW.encode()
    assert "Version 2 of the Master Terms waits for a second person." in words(paul.get("/staff"))
    refused = do(olga, path, "post")
    assert refused.status_code == 409
    assert "does not post it" in words(refused)
    assert "fourteen" not in olga.get("/terms").text
    answer = do(paul, path, "post")
    assert answer.headers["location"].startswith(f"{PUBLIC}/2?")
    assert olga.get(f"{PUBLIC}/2/terms.md").content == NEW.encode()
    listed = words(olga.get(HERE))
    assert "No draft waits." in listed
    assert sha256(NEW.encode()).hexdigest() in listed
    for step in ("", "/terms.md"):
        assert paul.get(path + step).status_code == 404
    assert do(paul, path, "post").status_code == 404


def test_a_file_goes_before_what_was_pasted_and_a_draft_is_dropped_with_its_words(
    house: House,
) -> None:
    """Byte for byte; whoever may draft drops it, and the name can be given again."""
    olga, paul = counsel(house, "olga"), counsel(house, "paul")
    raw = b"# <b>Terms</b>\n\nPay. "
    path = str(paste(olga, "pasted", file=raw).headers["location"])
    assert olga.get(f"{path}/terms.md").content == raw
    assert "<b>Terms" not in olga.get(path).text
    assert do(paul, path, "drop").status_code == 303
    assert olga.get(path).status_code == 404
    assert drafted(olga, NEW) != path


def test_what_is_no_draft_says_why_and_keeps_what_was_typed(house: House) -> None:
    """Nothing, no text, no name, a name in use, words in use."""
    olga = counsel(house, "olga")
    drafted(olga, NEW)
    for text, name, file, why in (
        ("", "3", None, "Choose a file, or paste the text."),
        ("Other.", "3", b"\xff\xfe", "Save it as UTF-8"),
        ("Other.", "", None, "Enter a name for the version."),
        ("Other.", "2", None, "is called so already"),
        ("Other.", "1", None, "is called so already"),
        ("Other.", "a/b", None, "letters, digits, dots and hyphens"),
        (NEW, "3", None, "has these very words already"),
    ):
        answer = paste(olga, text, name, file)
        assert answer.status_code == 422
        assert why in words(answer)
        assert text.strip() in answer.text


def test_only_those_with_the_role_work_on_the_terms(house: House) -> None:
    """Support sees and does nothing of it; a form from elsewhere, GET and HEAD post nothing."""
    olga, paul = counsel(house, "olga"), counsel(house, "paul")
    support = counsel(house, "sue", "support")
    path = drafted(olga, NEW)
    for page in (HERE, path, f"{path}/terms.md"):
        assert support.get(page).status_code == 403
        assert house.browser().get(page).status_code == 303
    for step in ("post", "drop"):
        assert do(support, path, step).status_code == 403
        assert paul.get(f"{path}/{step}").status_code in (404, 405)
        assert paul.head(f"{path}/{step}").status_code in (404, 405)
        foreign = {"sec-fetch-site": "cross-site"}
        assert paul.post(f"{path}/{step}", data=SURE, headers=foreign).status_code == 403
    assert HERE not in support.get("/staff").text
    assert HERE in olga.get("/staff").text
    assert paul.get(path).status_code == 200

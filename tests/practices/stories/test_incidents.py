"""Incidents: from a stolen session of our staff to the notices that the policy owes for it."""

from __future__ import annotations

from practices.conftest import House, send
from practices.test_incidents import CONSOLE, NOTICE, letters, look_at, open_one, owed, run_job


def test_a_breach_is_told_to_everybody_whom_it_touched(house: House) -> None:
    """By what the ledger says of a stolen session; after two people, and then by letter at once."""
    ann, bo = house.customer(), house.customer("bo@marked.example", name="Bo Marked")
    look_at(house, ann, house.staff("support"))
    pia, pat = (
        house.signed_in(house.staff("privacy", sign_in=name), "staff") for name in ("pia", "pat")
    )
    path = f"{CONSOLE}/{open_one(house, pia)}"
    page = pia.get(path).text
    assert "Owed until" in page
    assert send(pia, f"{path}/draft", {"notice": NOTICE}, path).status_code == 303
    assert run_job(house) == 0  # nobody is told before a second person said so
    assert send(pat, f"{path}/approve", {}, path).status_code == 303
    assert run_job(house) == 1
    mine = path.replace("/staff", "/me")
    ((to, letter),) = letters(house, mine)
    assert to == "ann@marked.example"
    assert "your password" in letter
    assert "Zoë" in house.signed_in(ann).get(mine).text
    assert house.signed_in(bo).get(mine).status_code == 404
    assert "Owed until" not in pia.get(path).text
    acts = [each.entry for each in house.provider.gate.gate.entries(ann)]
    (act,) = [each for each in acts if each.action == "notify-breach"]
    assert (act.outcome, act.clauses) == ("allow", ("breach",))
    answer = send(pia, f"{path}/close", {"remark": "All sessions ended."}, path)
    assert answer.status_code == 303


def test_who_has_closed_their_account_is_told_too(house: House) -> None:
    """In time, and by a letter that arrives: nothing is late, and the incident can be closed."""
    ann = house.customer()
    look_at(house, ann, house.staff("support"))
    pia, pat = (
        house.signed_in(house.staff("privacy", sign_in=name), "staff") for name in ("pia", "pat")
    )
    path = f"{CONSOLE}/{open_one(house, pia)}"
    assert send(pia, f"{path}/draft", {"notice": NOTICE}, path).status_code == 303
    assert send(house.signed_in(ann), "/me/close", {"sure": "yes"}).status_code == 303
    assert send(pat, f"{path}/approve", {}, path).status_code == 303
    assert run_job(house) == 1
    ((to, _),) = letters(house, path.replace("/staff", "/me"))
    assert to == "ann@marked.example"
    assert owed(house, ann) == []
    assert send(pia, f"{path}/close", {"remark": "Done."}, path).status_code == 303

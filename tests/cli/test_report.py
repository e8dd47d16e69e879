"""`upheld report`: priced, made once, listed, and how it was made is signed."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cli.homes import provider_in, run
from upheld.core.errors import UpheldError


def test_a_report_is_priced_made_once_and_its_statement_is_signed(tmp_path: Path) -> None:
    """The price says nothing of anybody; a second time costs nothing; wrong words are answered."""
    home = provider_in(tmp_path, ana="analyst")
    words = ("report", "ask", "customers", "--each", "gender", "--by", "ana", "--epsilon", "0.5")
    assert run(home, *words, "--price") == "costs 0.5 of profile; people to within 6\n"
    assert run(home, "report", "budget") == ""
    assert run(home, *words) == "group,people,people from,people to\n"
    assert run(home, *words, "--price").startswith("costs 0 of")
    run(home, *words)
    assert run(home, "report", "budget") == "profile: 0.5 spent, 1.5 left\n"
    reach = json.loads(run(home, "report", "ask", "reach", "--by", "ana", "--price", "--json"))
    assert reach == {"costs": 0.1, "periods": ["profile"], "people_off": 30, "total_off": 0}
    (its,) = json.loads(run(home, "report", "list", "--json"))
    assert its["state"] == "answered"
    said = run(home, "report", "show", its["id"][:6], "--method")
    text, _, signature = said.partition("\nsignature: ")
    sealed, key = (base64.b64decode(each) for each in signature.split("\nkey: "))
    Ed25519PublicKey.from_public_bytes(key).verify(sealed, text.encode())
    assert "epsilon: 0.5, taken from profile" in text
    for wrong in (("--epsilon", "nan"), ("--epsilon", "99"), ("--each", "name")):
        with pytest.raises(UpheldError) as caught:
            run(home, *words, *wrong)
        assert caught.value.code == "report-question"

"""What a policy promises and the program does not do is told before anybody relies on it."""

from __future__ import annotations

import ast
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

import upheld
from empty import empty_database
from gate.versions import post, version
from practices.conftest import House
from upheld.api.service import ServiceSettings as Serving
from upheld.app.promises import promises
from upheld.app.provider import service_of
from upheld.cli import app
from upheld.core.settings import Settings
from upheld.demo import sample_policy
from upheld.gate.act.duties import nothing_more
from upheld.policy.load import load_text
from upheld.policy.request import Duty
from upheld.practice.promises import GATE_ASKS, UnkeptPromise, find_unkept

MORE = """
One more. {#one-more}

```rule
may rent email when privacy-signal
```
"""
SOURCE = Path(upheld.__file__).parent


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough: what is asked here is what the program can do."""
    return empty_database(tmp_path)


def words(results: list[UnkeptPromise], kind: str) -> set[str]:
    """The words of one kind."""
    return {each.word for each in results if each.kind == kind}


def test_every_duty_is_carried_out_or_listed(house: House) -> None:
    """The duties of the policy's rules that are listed are those that the gate refuses acts for."""
    duty_names = {duty.duty for node in house.policy.program.nodes for duty in node.duties}
    carriers = house.provider.gate.gate.context.duty_handlers
    missing = {*carriers.missing([Duty(duty) for duty in duty_names])} - carriers.of_arrivals
    assert words(find_unkept(house.provider, house.policy), "duty") == missing


def test_what_is_carried_out_from_now_on_is_listed_no_more(house: House) -> None:
    """A duty whose part is gone is listed; a part that takes it on takes it off the list."""
    carriers = house.provider.gate.gate.context.duty_handlers
    del carriers._by["privacy-budget"]
    assert words(find_unkept(house.provider, house.policy), "duty") == {"privacy-budget"}
    carriers.add("privacy-budget", nothing_more)
    assert words(find_unkept(house.provider, house.policy), "duty") == set()


def test_a_fact_an_action_and_an_obligation_without_a_part_are_listed(house: House) -> None:
    """A policy of nothing but such promises is told in full, and what is kept is not in it."""
    policy = upheld.load_text(
        "---\npolicy: Small\n---\n\nOne. {#one}\n\n```rule\n"
        "may serve when has-service and own-mail\nmay rent\n"
        "must sell usage within 2 days when own-mail\n"
        "must answer-access within 2 days when access-requested\n"
        "must delete usage within 60 days when access-requested\n```\n"
    )
    result = [(each.kind, each.word, each.clauses) for each in find_unkept(house.provider, policy)]
    assert result == [
        ("fact", "own-mail", ("one",)),
        ("action", "rent", ("one",)),
        ("obligation", "sell", ("one",)),
    ]


def _actions_in(path: Path) -> set[str]:
    """The actions that a module's calls of `Act` and `Request` name."""
    result: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Act":
            result |= {
                word.value.value
                for word in node.keywords
                if word.arg == "action"
                and isinstance(word.value, ast.Constant)
                and isinstance(word.value.value, str)
            }
    return result


def test_practices_say_every_action_that_their_code_asks(house: House) -> None:
    """Each action that the code of a practice names is one that the practice says it asks."""
    for practice in house.provider.practices:
        package = SOURCE / "practices" / practice.name
        query = {word for path in package.rglob("*.py") for word in _actions_in(path)}
        assert query - {*practice.actions, *GATE_ASKS} == set(), practice.name
        code = "".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
        code = code.replace('"answer-', '"').replace('f"answer-{kind}"', "")
        assert all(word.removeprefix("answer-") in code for word in practice.actions), practice.name


def test_a_manager_sees_the_list_on_the_page_of_safeguards(
    open_house: Callable[..., House],
) -> None:
    """Every word that is listed stands on the page with a link to each clause that rests on it."""
    house = open_house(load_text(sample_policy().read_text(encoding="utf-8") + MORE))
    assert find_unkept(house.provider, house.policy)
    user = house.staff("manager")
    page = house.signed_in(user, "staff").get("/staff/safeguards")
    assert page.status_code == 200
    for each in find_unkept(house.provider, house.policy):
        assert f"<code>{each.word}</code>" in page.text
        assert all(f'href="/privacy#{clause}"' in page.text for clause in each.clauses)


def test_a_line_of_the_log_says_it_at_start(
    open_house: Callable[..., House], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever starts the provider reads which duties, facts, actions and obligations are dead."""
    path = tmp_path / "more.md"
    path.write_text(sample_policy().read_text(encoding="utf-8") + MORE)
    house = open_house(upheld.load(path))
    with caplog.at_level(logging.WARNING, "upheld.promises"):
        service_of(house.provider, path, Serving())
    text = " ".join(each.getMessage() for each in caplog.records)
    assert find_unkept(house.provider, house.policy)
    assert all(each.word in text for each in find_unkept(house.provider, house.policy))


def test_a_line_of_the_log_says_how_many_at_each_load(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """When another version is posted, whoever reads the log sees how many words are dead now."""
    more = version("2").program.source + MORE
    with caplog.at_level(logging.WARNING, "upheld.promises"):
        service = service_of(house.provider, sample_policy(), Serving())
        before = find_unkept(house.provider, house.policy)
        assert f"nothing here keeps: {len(before)}" in caplog.text
        caplog.clear()
        post(house.provider.gate.gate, load_text(more), wider=True)
        assert service.live.reload() == "swapped"
    after = find_unkept(house.provider, service.live.now.policy)
    assert len(after) == len(before) + 1
    assert f"nothing here keeps: {len(after)}" in caplog.text


def test_check_tells_it_without_touching_the_database(tmp_path: Path) -> None:
    """`check --settings` lists the same as the running provider; strictly, it fails for them."""
    (tmp_path / "terms.md").write_text("# Terms\n\nBe kind.\n")
    policy = tmp_path / "more.md"
    policy.write_text(sample_policy().read_text(encoding="utf-8") + MORE)
    path = tmp_path / "settings.toml"
    path.write_text(
        f'database = "sqlite:///{tmp_path}/none.db"\npolicy = "{policy}"\n'
        'agreement = "terms.md"\nphone = "+1 555 010 0100"\ncontact = "help@larch.example"\n'
    )
    response = CliRunner().invoke(app, ["check", "--settings", str(path)])
    assert response.exit_code == 0, response.output
    assert not (tmp_path / "none.db").exists()
    settings = Settings(
        database="sqlite:///none.db",
        phone="+1 555 010 0100",
        contact="help@larch.example",
        agreement=tmp_path / "terms.md",
    )
    listed = promises(settings, upheld.load(policy))
    assert listed
    for each in listed:
        assert f"{each.kind} `{each.word}`" in response.output
    assert CliRunner().invoke(app, ["check", "--settings", str(path), "--strict"]).exit_code == 1
    assert CliRunner().invoke(app, ["check"]).exit_code != 0

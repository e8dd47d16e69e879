"""The register of parties: who is on it, what it proves, who may change it, and what it shows."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest

from practices.bills import AGENT, agent, engage, later, staff
from practices.conftest import House, confirm, send
from practices.test_debt import debtor, hand_over
from practices.test_staff import CASES
from upheld.core.company_names import company_name
from upheld.core.ids import RecordId
from upheld.database.transaction import reading, writing
from upheld.gate.act.request import Act, Refused
from upheld.gate.log import entries
from upheld.gate.public import REGISTER, SealedError
from upheld.practice import parties
from upheld.practice.parties import PartyError, PartyRole

HERE = "/staff/parties"
OURS = "Larch Hosting"


def add(house: House, name: str, role: str, **more: object) -> PartyRole:
    """Put a company on the register."""
    return house.do(lambda transaction: parties.add(transaction, name, role, **more))  # type: ignore[arg-type] # days and texts


def register(house: House) -> list[tuple[str, str]]:
    """The names and roles that anybody reads."""
    rows = house.do(parties.public_register)
    return [(each.name, each.role) for each in rows]


def support_by(house: House, party: str) -> bool:
    """Whether an affiliate by name may be told a customer's address of mail to help them."""
    act = Act(
        action="share",
        data=("email",),
        recipient="affiliate",
        purpose="support",
        occasion="other",
        party=party,
    )
    person = house.customer()
    return not isinstance(house.do(lambda t: t.act(act, person)), Refused)


def _no_help(house: House) -> bool:
    ours = add(house, OURS, "affiliate", proof="All shares, deed of 2 May")
    return not support_by(house, ours.party)


RESTS_ON = {"affiliates": _no_help}


def test_a_manager_puts_a_company_on_the_register_and_everybody_reads_it(house: House) -> None:
    """The page about us shows name, role, the most it may receive by the policy, and its clause."""
    browser = house.signed_in(house.staff("manager", sign_in="mo"), "staff")
    form = {"name": "Østfold Hosting", "role": "supplier", "proof": "Contract of May"}
    answer = send(browser, HERE, form)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{HERE}/stfold-hosting")
    page = house.browser().get("/about").text
    assert "Østfold Hosting" in page
    assert "A supplier of a service you ordered" in page
    assert "/privacy#requested-services" in page
    assert "Contract of May" not in page
    assert "Contract of May" in browser.get(answer.headers["location"]).text


def test_what_a_company_may_receive_is_asked_of_the_policy(house: House) -> None:
    """A collection agent gets no profile, and a programme's partner no payment details."""
    collector = parties.receiving(house.policy, "collection-agent")
    partner = parties.receiving(house.policy, "programme-partner")
    assert "collecting-charges" in collector.clauses
    assert "what you told us about yourself" in partner.data
    assert "what you told us about yourself" not in collector.data
    assert "payment details" in collector.data
    assert "payment details" not in partner.data


def test_what_is_ours_may_help_only_as_long_as_it_is_ours(house: House) -> None:
    """An affiliate without its proof is refused; with it the gate allows, until its last day."""
    with pytest.raises(PartyError, match="has to be proven"):
        add(house, OURS, "affiliate")
    until = house.clock.today() + timedelta(days=3)
    role = add(house, OURS, "affiliate", proof="All shares, deed of 2 May", until=until)
    assert support_by(house, role.party)
    assert not support_by(house, "somebody-else")
    later(house, 3)
    assert support_by(house, role.party)
    later(house, 1)
    assert not support_by(house, role.party)
    assert register(house) == []


def test_a_role_that_is_to_begin_proves_nothing_before_its_day(house: House) -> None:
    """A company that becomes ours in two days is on no page and gets nothing until then."""
    since = house.clock.today() + timedelta(days=2)
    role = add(house, OURS, "affiliate", proof="Contract signed", since=since)
    assert register(house) == []
    assert not support_by(house, role.party)
    later(house, 2)
    assert register(house) == [(OURS, "affiliate")]
    assert support_by(house, role.party)


def test_ending_a_role_is_confirmed_and_stops_what_it_allowed(house: House) -> None:
    """An agent whose engagement a manager ended sees no account that it still has."""
    _, task = debtor(house)
    engaged = house.do(lambda t: parties.in_role(t, "collection-agent"))
    assert engaged == [AGENT]
    desk = staff(house)
    assert hand_over(desk, task) == 303
    collector = agent(house)
    assert "Ann Marked" in collector.get("/agent").text
    browser = house.signed_in(house.staff("manager", sign_in="mo"), "staff")
    page = f"{HERE}/{AGENT}"
    asked = send(browser, f"{page}/end", {"role": "collection-agent"}, page)
    assert asked.status_code == 303, asked.text
    assert "Ann Marked" not in collector.get("/agent").text
    assert (company_name(AGENT), "collection-agent") not in register(house)
    again = send(browser, f"{page}/end", {"role": "collection-agent"}, page)
    assert again.status_code == 404


def test_nothing_ends_before_somebody_has_said_yes(house: House) -> None:
    """The first press of the button shows what ending means, and the role is there until then."""
    role = add(house, "Fjord Cards", "payment-processor")
    browser = house.signed_in(house.staff("manager", sign_in="mo"), "staff")
    page = f"{HERE}/{role.party}"
    token = re.search(r'name="_token" value="([0-9a-f]+)"', browser.get(page).text)
    assert token
    form = {"_token": token[1], "role": role.role}
    answer = browser.post(f"{page}/end", data=form)
    assert "End what Fjord Cards is to us" in answer.text
    assert register(house) == [("Fjord Cards", "payment-processor")]
    assert confirm(browser, answer).status_code == 303
    assert register(house) == []


def test_a_company_that_is_renamed_keeps_its_accounts_and_its_people(house: House) -> None:
    """Pages of agents, debts and what was done call it by its new name, and nothing else moves."""
    person, task = debtor(house)
    desk = staff(house)
    assert hand_over(desk, task) == 303
    browser = house.signed_in(house.staff("manager", sign_in="mo"), "staff")
    page = f"{HERE}/{AGENT}"
    assert send(browser, f"{page}/name", {"new-name": "Quay Collections"}, page).status_code == 303
    collector = agent(house)
    assert "Ann Marked" in collector.get("/agent").text
    assert "Quay Collections" in desk.get("/staff/debts").text
    assert "Quay Collections" in house.signed_in(person).get("/me").text
    assert ("Quay Collections", "collection-agent") in register(house)
    assert house.do(lambda t: parties.find(t, "quay  COLLECTIONS")) == AGENT


def test_no_two_companies_are_called_alike(house: House) -> None:
    """Neither adding nor renaming makes a name that another has; the same name adds a role."""
    one, two = add(house, "Acme, Inc.", "supplier"), add(house, "Acme Inc", "supplier")
    assert one.party != two.party
    assert add(house, "ACME INC", "business-partner").party == two.party
    with pytest.raises(PartyError, match="another company"):
        house.do(lambda t: parties.rename(t, one.party, "acme inc"))
    with pytest.raises(PartyError, match="already"):
        add(house, "acme, inc.", "supplier")


def test_a_role_that_ended_can_begin_again(house: House) -> None:
    """Who was let go can be engaged anew, and the register has both times."""
    role = add(house, "Fjord Cards", "payment-processor")
    house.do(lambda t: parties.end(t, role.party))
    later(house, 1)
    again = add(house, "Fjord Cards", "payment-processor")
    mine = house.do(lambda t: parties.of_party(t, role.party))
    assert [each.record_id for each in mine] == [again.record_id, role.record_id]
    assert [each.in_force for each in mine] == [True, False]


@pytest.mark.parametrize("name", [each for each in CASES if each not in {"", "   "}])
def test_odd_names_are_refused_or_stand_on_the_page_as_text(house: House, name: str) -> None:
    """Whatever somebody types as a name, no page runs it, and none is lost on the way."""
    browser = house.signed_in(house.staff("manager", sign_in="mo"), "staff")
    answer = send(browser, HERE, {"name": name, "role": "supplier"})
    assert answer.status_code in {303, 422}
    page = house.browser().get("/about").text
    assert "<script>alert" not in page
    if answer.status_code == 303:
        assert browser.get(answer.headers["location"]).status_code == 200


def test_days_that_cannot_be_are_refused(house: House) -> None:
    """A last day before the first or before today, and years of another age, are mistakes."""
    today = house.clock.today()
    for days in (
        {"since": today, "until": today - timedelta(days=1)},
        {"since": today - timedelta(days=9), "until": today - timedelta(days=1)},
        {"since": date(1, 1, 1)},
        {"until": date(9999, 12, 31)},
    ):
        with pytest.raises(PartyError):
            add(house, "Fjord Cards", "payment-processor", **days)
    assert register(house) == []


def test_only_managers_change_the_register_and_the_entry_says_who(house: House) -> None:
    """Colleagues are refused; the entry of what a manager did names them."""
    support = house.signed_in(house.staff("support", sign_in="sue"), "staff")
    assert support.get(HERE).status_code == 403
    user = house.staff("manager", sign_in="mo")
    browser = house.signed_in(user, "staff")
    assert send(browser, HERE, {"name": OURS, "role": "supplier"}).status_code == 303
    with house.provider.gate.gate.together() as transaction:
        records = transaction.records_of([REGISTER], ["partner-register"])[0]
    assert [each.party for each in records] == ["larch-hosting"]
    assert _last_actor(house) == f"staff {user}"


def _last_actor(house: House) -> str:
    with reading(house.provider.gate.gate.engine) as connection:
        return list(entries.of_kind(connection, "record"))[-1].actor


def test_twenty_managers_at_once_give_a_role_once(house: House) -> None:
    """However many press the button together, one record is made and the others are told."""

    def one(_: int) -> bool:
        try:
            add(house, "Fjord Cards", "payment-processor")
        except PartyError:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(one, range(20))) == 1
    assert register(house) == [("Fjord Cards", "payment-processor")]


def test_a_role_that_somebody_wrote_into_the_database_proves_nothing(house: House) -> None:
    """A row that was changed without the keys is refused, by the page as by the gate."""
    engage(house, AGENT, "collection-agent")
    with writing(house.provider.gate.gate.engine) as connection:
        connection.exec_driver_sql("UPDATE record SET party = 'thieves' WHERE kind = 'engagement'")
    with pytest.raises(SealedError):
        house.do(parties.public_register)


def test_a_name_that_somebody_wrote_into_the_database_is_not_believed(house: House) -> None:
    """A company's name that was changed without the keys is refused, not shown."""
    add(house, "Østfold Cards", "payment-processor")
    with writing(house.provider.gate.gate.engine) as connection:
        connection.exec_driver_sql("UPDATE party_name SET name = 'Somebody Else'")
    with pytest.raises(SealedError):
        house.do(parties.public_register)


def test_what_was_engaged_before_is_on_the_register_as_it_was(house: House) -> None:
    """A record of an engagement from before there was a register needs nothing done to it."""
    record: RecordId = engage(house, AGENT, "collection-agent")
    (role,) = house.do(parties.roles)
    assert (role.record_id, role.name) == (record, "Harbour Collections")
    assert isinstance(house.do(lambda t: parties.end(t, AGENT)), list)
    assert register(house) == []


def test_a_permission_names_a_company_of_the_register(house: House) -> None:
    """A supplier on the register can be chosen by name, and once its role is over no longer."""
    role = add(house, "Østfold Hosting", "supplier")
    browser = house.signed_in(house.customer())
    page = "/me/privacy/choices"
    assert "Østfold Hosting" in browser.get(page).text
    house.do(lambda t: parties.end(t, role.party))
    assert "Østfold Hosting" not in browser.get(page).text

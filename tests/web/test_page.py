"""The policy page, its answers and its files, as browsers and programs receive them."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import upheld
from pages import POLICY, WORDS
from upheld.app.policy import policy_app, publish_files
from upheld.demo import sample_policy
from upheld.policy.publish import policy_jsonld, recipients_table
from upheld.policy.sentences import Sentences, text

PAGE = {"accept": "text/html"}
PARTNER = "action=share&data=email&recipient=trusted-partner&purpose=offers&occasion=other"


@pytest.fixture(scope="module")
def policy() -> upheld.Policy:
    """The policy that the pages show."""
    return upheld.load_text(POLICY, vocabulary=WORDS)


@pytest.fixture(scope="module")
def client(policy: upheld.Policy) -> TestClient:
    """Someone who asks."""
    return TestClient(policy_app(policy), raise_server_exceptions=False)


@pytest.mark.parametrize("path", ["/", "/privacy", "/legal/privacy"])
def test_the_page_stands_at_the_root_and_at_its_own_address(client: TestClient, path: str) -> None:
    """The page is served at the root, at /privacy and where its front matter says."""
    answer = client.get(path)
    assert answer.status_code == 200
    assert "What our records hold about you is confidential" in answer.text
    assert "In force since" in answer.text
    assert "1 November 2026" in answer.text


def test_page_decisions_and_files_have_one_digest(
    client: TestClient, policy: upheld.Policy
) -> None:
    """What is shown, what decides and what can be fetched carry the digest of one policy."""
    assert policy.digest in client.get("/").text
    assert client.get("/healthz").json()["digest"] == policy.digest
    assert client.get("/policy.json").json()["digest"] == f"sha256:{policy.digest}"
    assert client.get(f"/privacy/ask?{PARTNER}").json()["digest"] == policy.digest
    assert client.get("/policy.md").text == POLICY


def test_every_answer_is_guarded(client: TestClient) -> None:
    """Pages, files and errors forbid foreign content, framing and sniffing, and set no cookie."""
    for path in ("/", "/policy.json", "/static/style.css", "/nowhere", "/privacy/ask"):
        headers = client.get(path, headers=PAGE).headers
        assert headers["content-security-policy"].startswith("default-src 'none'"), path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "set-cookie" not in headers


def test_pages_are_sent_compressed_to_whoever_reads_that(client: TestClient) -> None:
    """A compressed page has an ETag of its own, and either form counts as known."""
    plain = client.get("/", headers={"accept-encoding": "identity"})
    packed = client.get("/", headers={"accept-encoding": "br;q=1, gzip;q=0.5"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.text == plain.text
    assert int(packed.headers["content-length"]) < len(plain.content) / 3
    assert packed.headers["etag"] != plain.headers["etag"]
    for tag in (packed.headers["etag"], plain.headers["etag"]):
        again = client.get("/", headers={"if-none-match": tag})
        assert (again.status_code, "content-encoding" in again.headers) == (304, False)
    refused = client.get("/", headers={"accept-encoding": "gzip;q=0, identity"})
    assert "content-encoding" not in refused.headers


def test_what_has_not_changed_is_not_sent_again(client: TestClient) -> None:
    """A request with the ETag of what it has is answered 304 and no body."""
    tag = client.get("/").headers["etag"]
    again = client.get("/", headers={"if-none-match": f'"x", W/{tag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert client.head("/").status_code == 200
    assert client.head("/").content == b""


def _answer(client: TestClient, query: str) -> str:
    """The answer of a page to a question, as text."""
    page = client.get(f"/privacy/ask?{query}", headers=PAGE).text
    answer = page.split('<div class="answer', 1)[1].split("</section>", 1)[0]
    said = re.sub(r"<span class=\"vh\">.*?</span>|<[^>]+>", "", answer)
    return re.sub(r"\s+", " ", html.unescape(said))


def test_an_answer_says_when_and_when_not_and_quotes_its_clauses(client: TestClient) -> None:
    """A question that hangs on facts is answered by them, both ways, in the visitor's voice."""
    said = _answer(client, PARTNER)
    assert "May you share my e-mail address with a trusted partner for offers" in said
    assert "Sometimes:" in said
    assert (
        "when a confidentiality agreement is in force suppose so and I have not opted out" in said
    )
    assert "not when no confidentiality agreement is in force; or when I opted out" in said
    page = client.get(f"/privacy/ask?{PARTNER}", headers=PAGE).text
    assert 'href="/privacy#trusted-partners"' in page
    assert "<em>no more</em>" in page


def test_a_clause_of_a_list_is_quoted_with_what_introduces_it(client: TestClient) -> None:
    """An exception is no sentence: the quotation begins with the clause that it belongs to."""
    said = _answer(client, PARTNER)
    assert "outside our company and its affiliates, or a trusted partner works for us" in said
    clause = client.get("/privacy/clause/trusted-partners", headers=PAGE).text
    assert "What our records hold about you is confidential" in clause


def test_a_supposed_fact_changes_the_answer(client: TestClient) -> None:
    """Facts in the address are taken as given, and duties are told with a yes."""
    facts = "fact.confidentiality-agreement=yes&fact.opted-out=no"
    page = _answer(client, f"{PARTNER}&{facts}")
    assert "Yes. The policy allows it in any case." in page
    assert "Always under confidentiality" in page
    assert "Supposing that a confidentiality agreement is in force" in page
    assert "I have not opted out" in page


def test_a_no_says_why(client: TestClient) -> None:
    """A denied question quotes the clause that forbids it, or says that none allows it."""
    page = _answer(
        client, "action=share&data=email&recipient=advertiser&purpose=offers&occasion=ad-click"
    )
    assert "No." in page
    assert "the advertiser learns nothing about you" in page
    assert "No clause allows it" in _answer(client, "action=analyse&data=card")


def test_what_comes_close_is_offered_only_where_it_helps(sample: TestClient) -> None:
    """After a no, another recipient is named only if the answer would then be another."""
    question = "action=share&data=card&recipient=advertiser&occasion=other"
    page = sample.get(f"/privacy/ask?{question}", headers=PAGE)
    near = page.text.split("What comes closest")[1]
    assert "This could be allowed for a different recipient, for example" in near
    for query in re.findall(r'href="/privacy/ask\?([^"]+)">Ask that', near):
        assert sample.get(f"/privacy/ask?{html.unescape(query)}").json()["answer"] != "no"


def test_who_else_may_is_said_where_the_company_itself_may_not(sample: TestClient) -> None:
    """Nobody reads "No" who would have got another answer by asking about the staff."""
    page = _answer(sample, "action=view&data=email")
    assert "No." in page
    assert "This asks about the company itself. Ask about others: your staff" in page
    staff = _answer(sample, "action=view&data=email&actor=staff")
    assert "May your staff look at my e-mail address?" in staff
    assert "Sometimes:" in staff


def test_examples_are_marked_as_their_own_page_answers_them(sample: TestClient) -> None:
    """Each example that leads to an answer bears the mark of that answer."""
    page = sample.get("/", headers=PAGE).text
    words = {"Yes": "yes", "No": "no", "Sometimes": "sometimes"}
    found = set(re.findall(r'<span class="vh">(\w+): </span><a href="/privacy/ask\?([^"]+)"', page))
    assert len(found) > 60
    for word, query in found:
        answer = sample.get(f"/privacy/ask?{html.unescape(query)}").json()["answer"]
        assert answer == words[word], query


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("action=share&data=emali", "Did you mean “e-mail address”?"),
        ("action=shred", "knows no act “shred”"),
        ("", "does not say what we would do"),
        ("action=share&colour=red", "has no “colour”"),
        ("action=serve&fact.minor=yes", "nothing that can be supposed"),
        ("action=serve&fact.age=old", "Expected a number."),
        ("action=serve&fact.age=nan", "Expected a number."),
        ("action=serve&recipient=court", "has no recipient"),
        ("action=share&data=<script>", "&lt;script&gt;"),
        ("action=share" + "&data=email" * 60, "too many words"),
    ],
)
def test_a_question_that_cannot_be_asked_is_met_kindly(
    client: TestClient, query: str, said: str
) -> None:
    """A wrong word gives a page with 400, what was wrong and the form to ask again."""
    answer = client.get(f"/privacy/ask?{query}", headers=PAGE)
    assert answer.status_code == 400
    assert said in answer.text
    assert "<form" in answer.text
    program = client.get(f"/privacy/ask?{query}")
    assert program.status_code == 400
    assert program.headers["content-type"] == "application/problem+json"
    assert program.json()["code"]


def test_errors_suit_who_asked(client: TestClient) -> None:
    """A missing page is a page for people and problem+json for programs."""
    assert "There is no such page." in client.get("/nowhere", headers=PAGE).text
    answer = client.get("/nowhere", headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()["status"]) == (404, 404)
    refused = client.post("/", headers=PAGE)
    assert refused.status_code == 405
    assert "allow" in refused.headers


def test_the_policy_and_its_errors_stand_in_the_one_layout(client: TestClient) -> None:
    """Where nobody has an account, no page leads to one; each names the provider and the policy."""
    for path in ("/", "/privacy/ask", "/privacy/find?q=you", "/nowhere"):
        page = client.get(path, headers=PAGE).text
        assert page.count("<!doctype html>") == page.count("<main") == 1, path
        assert 'href="/privacy"' in page, path
        assert "/sign-in" not in page, path
        assert "/me" not in page, path


def test_every_page_of_a_site_extends_one_layout() -> None:
    """Only the layout is a whole document, beside what is mailed or handed out as a file."""
    source = Path(upheld.__file__).parent
    whole = {
        each.relative_to(source).as_posix()
        for each in source.rglob("templates/*.html")
        if "<!doctype" in each.read_text(encoding="utf-8")
    }
    assert whole == {
        "web/templates/layout.html",
        "practices/messages/templates/mail.html",
        "practices/rights/templates/copy.html",
    }


def test_a_fault_of_ours_is_told_without_detail(
    policy: upheld.Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unforeseen failure is a guarded page that says nothing was decided."""

    def broken(*_args: object) -> None:
        raise RuntimeError("secret")

    app = policy_app(policy)
    monkeypatch.setattr("upheld.practices.notices.questions.full_answer", broken)
    answer = TestClient(app, raise_server_exceptions=False).get(
        "/privacy/ask?action=serve&fact.age=77", headers=PAGE
    )
    assert answer.status_code == 500
    assert "Nothing was decided" in answer.text
    assert "secret" not in answer.text
    assert "content-security-policy" in answer.headers


def test_a_clause_has_a_page_of_its_own(client: TestClient) -> None:
    """A clause's page shows its prose, its rule and what it is an exception to."""
    page = client.get("/privacy/clause/trusted-partners", headers=PAGE).text
    assert "except may share to trusted-partner" in page
    assert 'href="/privacy#confidential"' in page
    assert client.get("/privacy/clause/nothing").status_code == 404


def test_every_link_of_the_page_leads_somewhere(client: TestClient) -> None:
    """Anchors exist once, and pages and files that are linked are served."""
    page = client.get("/").text
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for href in set(re.findall(r'href="([^"]+)"', page)):
        path, _, anchor = href.replace("&amp;", "&").partition("#")
        assert not anchor or anchor in ids, href
        assert not path or client.get(path, headers=PAGE).status_code == 200, href


def test_a_severed_clause_is_struck_out(client: TestClient) -> None:
    """The prose of a severed clause stays, struck through, and says that it rules nothing."""
    page = client.get("/").text
    assert "<s>We sell our lists to anyone.</s>" in page
    assert "It says nothing any more" in page


def test_a_clause_that_was_struck_has_no_examples_of_what_it_said() -> None:
    """They answer otherwise now, or for other reasons; a clause beside it has its own."""
    text = sample_policy().read_text(encoding="utf-8")
    policy = upheld.load_text(text.replace("{#ad-assumption}", "{#ad-assumption .severed}"))
    page = TestClient(policy_app(policy)).get("/", headers=PAGE).text
    struck, beside = (
        page.partition(f'id="{clause}"')[2].partition("</section>")[0]
        for clause in ("ad-assumption", "advertisers")
    )
    assert "It says nothing any more" in struck
    assert "/ask?" not in struck
    assert "/ask?" in beside


def test_rules_are_told_in_labels(policy: upheld.Policy) -> None:
    """What a rule means is made of labels, the fewest terms and the policy's own words."""
    words = Sentences(policy.program)
    sentences = {n.clause: [text(p) for p in words.rule(n)] for n in policy.program.nodes}
    assert sentences["confidential"] == [
        "We may not disclose your personal information to anyone except us or our affiliates"
    ]
    assert sentences["trusted-partners"] == [
        (
            "As an exception, we may share it with a trusted partner for offers or support, but"
            " only if a confidentiality agreement is in force, unless you opted out, always under"
            " confidentiality"
        )
    ]
    assert sentences["numbers"] == ["We may analyse numbers, always in groups of at least 10"]
    assert sentences["access"] == [
        "If you asked what we hold, we must tell you what we hold within 30 days"
    ]


def test_the_table_says_never_only_where_nothing_can_be_allowed(policy: upheld.Policy) -> None:
    """Each cell of the table agrees with the policy, and names what no record means no to."""
    table = recipients_table(policy)
    rows = {row.name: row for row in table.rows}
    assert table.columns == ("contact details", "payment", "activity")
    assert [c.outcome for c in rows["affiliate"].cells] == ["allow"] * 3
    agent = rows["collection-agent"].cells
    assert agent[0].summary == (
        "only if you owe us money, or if you asked for a service that needs it"
    )
    assert "owe" not in agent[2].summary
    assert any("collecting" in way.clauses for way in agent[0].ways)


def test_the_vocabulary_of_all_is_used_where_it_has_the_word(policy: upheld.Policy) -> None:
    """JSON-LD names shared terms by their own identifiers and the rest under the policy's."""
    graph = policy_jsonld(policy.program)["@graph"]
    collecting = next(each for each in graph if each["@id"].endswith("#collecting"))
    assert {"@id": f"urn:sha256:{policy.digest}#data/contact-details"} in collecting[
        "dpv:hasPersonalData"
    ]
    service = next(each for each in graph if each["@id"].endswith("#requested"))
    assert service["dpv:hasPurpose"] == [{"@id": "dpv:ServiceProvision"}]


def test_the_page_can_be_published_as_files(policy: upheld.Policy, tmp_path: Path) -> None:
    """A folder of files holds the page with relative links and no form that nothing answers."""
    written = publish_files(policy, tmp_path)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert {"index.html", "policy.md", "policy.json", "policy.jsonld"} <= {p.name for p in written}
    assert "<form" not in page
    for href in re.findall(r'(?:href|src)="([^"#]+)', page):
        assert (tmp_path / href).is_file(), href


@pytest.fixture(scope="module", name="sample")
def _sample() -> TestClient:
    """Someone who asks the sample policy."""
    return TestClient(policy_app(upheld.load(sample_policy())))


def test_the_form_offers_every_dimension_that_an_act_takes(sample: TestClient) -> None:
    """From whom, by whom and where stand under "Say more", each with a name; open where said."""
    page = sample.get("/", headers=PAGE).text
    more = page.split("<summary>Say more</summary>")[1].split("</details>")[0]
    assert re.findall(r'<select name="([a-z]+)" aria-label="([^"]+)"', more) == [
        ("source", "Source"),
        ("actor", "Actor"),
        ("place", "Place"),
    ]
    assert "<details>" in page.split("<summary>Say more")[0][-40:]
    question = "action=view&data=email&actor=advertiser&purpose=support&place=abroad"
    answer = sample.get(f"/privacy/ask?{question}", headers=PAGE)
    assert answer.status_code == 200
    form = answer.text.split("<summary>Say more")[0]
    assert "<details open>" in form[-40:]
    assert '<option value="advertiser" selected>' in answer.text


def test_the_page_says_on_which_legal_basis_a_clause_stands(sample: TestClient) -> None:
    """What a clause means ends with its basis, and the linked form names the basis of all."""
    page = sample.get("/", headers=PAGE).text
    assert "legal basis: our contract with you" in page
    graph = sample.get("/policy.jsonld").json()["@graph"]
    found = next(each for each in graph if each["@id"].endswith("#permission"))
    assert found["dpv:hasLegalBasis"] == [{"@id": "dpv:Consent"}]


def test_the_table_says_truly_what_staff_and_guardians_see(sample: TestClient) -> None:
    """Whoever may look at information receives it: the table says when, in words for people."""
    table = recipients_table(upheld.load(sample_policy()))
    rows = {row.name: row for row in table.rows}
    payment = table.columns.index("payment details")
    staff = rows["staff"].cells[payment].summary
    assert staff == "only if their role and an open task on your account need it"
    assert "your guardian supervises your account" in str(rows["guardian"].cells[payment].ways)
    assert rows["advertiser"].cells[payment].summary == "never"
    court = rows["court"].cells[payment]
    assert any(
        "a valid court order or other legal process demands it" in every
        for way in court.ways
        for every in way.prove
    )
    page = sample.get("/", headers=PAGE).text
    for word in ("ownership", "closing", "determination", "instrument"):
        assert f"</span> {word}" not in page


def test_what_rules_mean_is_folded_and_opened_by_one_link(sample: TestClient) -> None:
    """Rules are closed under their clauses; one link opens all, another closes them again."""
    page = sample.get("/privacy", headers=PAGE)
    assert '<details class="means">' in page.text
    assert '<details class="means" open>' not in page.text
    assert 'href="/privacy?rules=open#_main"' in page.text
    opened = sample.get("/privacy?rules=open", headers=PAGE)
    assert '<details class="means">' not in opened.text
    assert "Appendix: what the rules mean" in opened.text
    assert "set-cookie" not in opened.headers
    assert opened.headers["etag"] != page.headers["etag"]
    assert sample.head("/privacy?rules=open").status_code == 200


def test_three_lines_stand_at_the_head_of_a_section(sample: TestClient) -> None:
    """A section begins with the gist of its rules, each line a link to its clause."""
    page = sample.get("/privacy", headers=PAGE).text
    section = page.split(">Children and minors</h2>")[1].split("</ul>")[0]
    assert section.count("<li>") == 3
    assert (
        '<a href="#children">We may not let you use our sites and services if you are under 13</a>'
        in section
    )


def test_cells_that_say_the_same_side_by_side_are_one(policy: upheld.Policy) -> None:
    """Joined cells cover each column once, in order, and say what each of theirs said."""
    for each in (policy, upheld.load(sample_policy())):
        table = recipients_table(each)
        joined = 0
        for row in table.rows:
            spans = row.spans(table.columns)
            assert [name for _, names in spans for name in names] == list(table.columns)
            whole = [cell for cell, names in spans for _ in names]
            for cell, own in zip(whole, row.cells, strict=True):
                assert (cell.outcome, cell.summary, cell.ways) == (
                    own.outcome,
                    own.summary,
                    own.ways,
                )
                assert set(own.clauses) <= set(cell.clauses)
            joined += len(row.cells) - len(spans)
        assert joined


def test_the_page_joins_cells_and_names_their_columns(sample: TestClient) -> None:
    """A joined cell says over how many columns it reaches, and on a phone which they are."""
    page = sample.get("/privacy", headers={"accept": "text/html"}).text
    table = page.partition('id="_who"')[2]
    assert 'colspan="6" aria-colspan="6" data-label="Anything"' in table
    assert 'colspan="4" aria-colspan="4" data-label="Everything else"' in table
    assert 'data-label="Who you are, contact details"' in table

"""Articles: written by staff, each for everybody or for people in some bands.

Whether somebody is in a band is asked when they read, and only as far as the policy lets us use
that about them to choose what they see. What was chosen for whom is kept nowhere but in the entry
of that use.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from upheld.core.errors import UpheldError
from upheld.core.ids import ArticleId, PersonId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.act.request import Act, Refused
from upheld.gate.transaction import Transaction
from upheld.policy.english import word_list
from upheld.policy.request import Decision
from upheld.practice import amounts, bands
from upheld.practice.amounts import USAGE
from upheld.practice.bands import Criteria
from upheld.practices.articles.tables import article

PURPOSE: Final = "personalisation"
WRITTEN, WITHDRAWN = "article.write", "article.withdraw"
SENTENCES: Final = {
    WRITTEN: "{actor} wrote an article for customers",
    WITHDRAWN: "{actor} withdrew an article for customers",
}
TITLE_MAX: Final = 100
TEXT_MAX: Final = 4_000
_AREA: Final = re.compile(rf"[0-9]{{{bands.AREA_DIGITS}}}")
ARTICLES_MAX: Final = 200  # that are shown at a time
FIELD_OF: Final[Mapping[str, str]] = {
    **{word: its["field"] for word, its in bands.DIMENSIONS.items()},
    bands.AREA: bands.AREA,
    USAGE.field: USAGE.field,
}
"""What each criterion is checked by: a kind of data. Use is that of the last month that is over."""


class ArticleError(UpheldError):
    """An article that cannot be written or withdrawn."""


class Article(NamedTuple):
    """An article; `criteria` are empty where it is for everybody."""

    article_id: ArticleId
    title: str
    text: str
    criteria: Criteria
    written_at: datetime
    withdrawn_at: datetime | None

    @property
    def paragraphs(self) -> list[str]:
        """Its text, paragraph by paragraph."""
        return [each.strip() for each in self.text.split("\n\n") if each.strip()]

    @property
    def fields(self) -> tuple[str, ...]:
        """The kinds of data by which it is chosen."""
        return tuple(sorted({FIELD_OF[each] for each in self.criteria}))


class Reading(NamedTuple):
    """What somebody is shown: what was chosen for them, what everybody sees, and on what ground.

    `decisions` are of using each kind of data by which articles are chosen now.
    """

    chosen: list[Article]
    general: list[Article]
    decisions: dict[str, Decision]


def options(dimension: str) -> list[tuple[str, str]]:
    """The bands of a criterion, each with how people call it."""
    if dimension == USAGE.field:
        return [(str(at), USAGE.band(at)) for at in range(len(USAGE.edges))]
    return bands.options(dimension)


def describe(criteria: Criteria) -> list[str]:
    """Criteria as sentences."""
    others = {each: words for each, words in criteria.items() if each != USAGE.field}
    sentences = bands.describe(others)
    if words := criteria.get(USAGE.field):
        sentences.append(f"Used last month: {word_list(USAGE.bands(map(int, words)))}")
    return sentences


def write(
    transaction: Transaction, title: str, text: str, criteria: Criteria, *, actor: str
) -> Article:
    """Write an article, which is shown from now on. ArticleError for one that cannot be."""
    title, text = title.strip(), text.replace("\r\n", "\n").strip()
    if not 0 < len(title) <= TITLE_MAX or not 0 < len(text) <= TEXT_MAX or "\0" in title + text:
        hint = f"{TITLE_MAX} characters at most, and {TEXT_MAX:,}"
        raise _error("an article has a title and a text", hint)
    _require_criteria(criteria)
    if len(live(transaction.tables)) >= ARTICLES_MAX:
        raise _error(f"there are {ARTICLES_MAX} articles already", "withdraw an older one")
    article_id = ArticleId(secrets.token_hex(16))
    transaction.tables.insert(
        article,
        article_id=article_id,
        title=title,
        text=text,
        criteria=json.dumps({each: [*words] for each, words in criteria.items()}),
        written_at=microseconds(transaction.clock.now()),
        written_by=actor,
        withdrawn_at=None,
    )
    transaction.note(None, WRITTEN, id=article_id, actor=actor)
    return require(transaction.tables, article_id)


def _require_criteria(criteria: Criteria) -> None:
    for each, words in criteria.items():
        if each == bands.AREA:
            is_there = all(_AREA.fullmatch(each_area) for each_area in words)
        else:
            is_there = each in FIELD_OF and {*words} <= {word for word, _ in options(each)}
        if not words or not is_there:
            raise _error("there is no such group of people", "choose from the lists")


def withdraw(transaction: Transaction, article_id: ArticleId, *, actor: str) -> None:
    """Show an article no more. ArticleError where there is none, or it was withdrawn."""
    require(transaction.tables, article_id)
    changes = {"withdrawn_at": microseconds(transaction.clock.now())}
    where = "article_id = ? AND withdrawn_at IS NULL"
    if not transaction.tables.update(article, changes, where, article_id):
        raise _error("this article was withdrawn already", "look at the list")
    transaction.note(None, WITHDRAWN, id=article_id, actor=actor)


def read_for(transaction: Transaction, person_id: PersonId) -> Reading:
    """What somebody is shown now; what is known of them is used as far as the policy lets us."""
    every = live(transaction.tables)
    fields = sorted({field for each in every for field in each.fields})
    decisions = {each: transaction.peek(person_id, using((each,))) for each in fields}
    allowed = tuple(each for each in fields if decisions[each].allowed)
    mine = _bands_of(transaction, person_id, allowed)
    chosen = [
        each
        for each in every
        if each.criteria and {*each.fields} <= {*allowed} and bands.meets(each.criteria, mine)
    ]
    return Reading(chosen, [each for each in every if not each.criteria], decisions)


def _bands_of(
    transaction: Transaction, person_id: PersonId, fields: Sequence[str]
) -> dict[str, set[str]]:
    """The bands somebody is in by some kinds of data; none where the policy lets us use none."""
    outcome = transaction.act(using(fields), person_id) if fields else None
    if outcome is None or isinstance(outcome, Refused):
        return {}
    today = transaction.clock.today()
    values = {name: value.value for name, value in outcome.values.items()}
    try:
        result = bands.bands_of(values, today)
    except ValueError:  # a birth date of before there was a check of it
        result = {}
    if USAGE.field in fields:
        rows = [each.value for each in outcome.series(USAGE.field)]
        month = amounts.month_choices(today)[0][0]
        amount = amounts.by_month(USAGE, rows).get(month)
        result[USAGE.field] = set() if amount is None else {str(USAGE.band_of(amount))}
    return result


def using(fields: Sequence[str]) -> Act:
    """The act of choosing by some kinds of data."""
    return Act(action="use", data=tuple(fields), purpose=PURPOSE)


def live(tables: Tables) -> list[Article]:
    """The articles that are shown, the latest first."""
    return [each for each in every(tables) if each.withdrawn_at is None]


def every(tables: Tables) -> list[Article]:
    """All articles, the latest first."""
    rows = tables.select(article, "ORDER BY written_at DESC, article_id")
    return [_from_row(each) for each in rows]


def require(tables: Tables, article_id: ArticleId) -> Article:
    """The article with an id. ArticleError where there is none."""
    row = tables.get(article, "article_id = ?", article_id)
    if row is None:
        raise _error("there is no such article", "look at the list")
    return _from_row(row)


def _from_row(row: Any) -> Article:
    return Article(
        ArticleId(row.article_id),
        row.title,
        row.text,
        json.loads(row.criteria),
        to_datetime(row.written_at),
        None if row.withdrawn_at is None else to_datetime(row.withdrawn_at),
    )


def _error(sentence: str, hint: str) -> ArticleError:
    return ArticleError(sentence, code="article", hint=hint)

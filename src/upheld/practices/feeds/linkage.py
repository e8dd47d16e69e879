"""How probably a line of a feed tells of one of our customers, by splink.

What a likeness weighs is fixed here; how common a name, a day or a zip code is comes from the data:
the same lines and customers have the same scores. All of it is worked out in memory, where DuckDB
may open no file and so writes none.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

import duckdb
import pyarrow as pa
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

from upheld.core.ids import PersonId
from upheld.practices.feeds.likeness import LOWEST, Identity, Pair

_SHARE: Final = 0.5  # the prior: as if every second line told of a customer
_A_DAY: Final = 0.00005  # how often two people were born on the same one
_MANY: Final = 1_000  # customers, of whom the commonest days can be told
Level = dict[str, Any]


def compare(
    ours: Mapping[PersonId, Identity], theirs: Mapping[int, Identity], lowest: float = LOWEST
) -> list[Pair]:
    """Every line and customer who are the same at least as probably as that."""
    if not ours or not theirs:
        return []
    with duckdb.connect(":memory:") as connection:
        for setting in (
            "temp_directory = ''",
            "enable_external_access = false",
            "lock_configuration = true",
        ):
            connection.execute(f"SET {setting}")
        api = DuckDBAPI(connection)
        tables = [
            api.register(_table("o", ours), dataset_display_name="ours"),
            api.register(_table("t", theirs), dataset_display_name="theirs"),
        ]
        linker = Linker(tables, _settings(len(ours)), log_level=logging.ERROR)
        result = linker.inference.predict(lowest, warning_mode="never")
        rows = connection.execute(
            "SELECT unique_id_l, unique_id_r, match_probability"  # noqa: S608 - splink's own name
            f" FROM {result.physical_name} ORDER BY 1, 2"
        ).fetchall()
    result_pairs = []  # which of the two stands left is splink's choice
    for one, other, score in rows:
        mine, line = (one, other) if one[0] == "o" else (other, one)
        result_pairs.append(Pair(int(line[1:]), PersonId(mine[1:]), score))
    return result_pairs


def _table(prefix: str, identities: Mapping[Any, Identity]) -> pa.Table:
    """The identities as a table; what is not there is NULL."""
    columns: dict[str, list[str | None]] = {"unique_id": [f"{prefix}{each}" for each in identities]}
    for name in Identity._fields:
        columns[name] = [getattr(each, name) or None for each in identities.values()]
    types = pa.schema([(name, pa.string()) for name in columns])
    return pa.table(columns, schema=types)


def _settings(many: int) -> SettingsCreator:
    """The model, for so many customers."""
    return SettingsCreator(
        "link_only",
        comparisons=[_first_name(), _last_name(), _born(many), _zip()],
        blocking_rules_to_generate_predictions=[
            block_on("born"),
            block_on("first", "last"),
            block_on("last", "zip"),
            block_on("first", "zip"),
        ],
        probability_two_random_records_match=_SHARE / many,
        retain_matching_columns=False,
    )


def _level(sql: str, m: float, u: float, **more: object) -> Level:
    """A likeness, and how often it is seen of the same person (m), and of two (u)."""
    return {"sql_condition": sql, "m_probability": m, "u_probability": u, **more}


def _missing(name: str) -> Level:
    return {"sql_condition": f'"{name}_l" IS NULL OR "{name}_r" IS NULL', "is_null_level": True}


def _exact(name: str, m: float, u: float) -> Level:
    """Whether both are equal; the rarer it is among all, the more that says."""
    return _level(f'"{name}_l" = "{name}_r"', m, u, tf_adjustment_column=name)


def _first_name() -> dict[str, Any]:
    """Another given name is hardly the same person: it is a twin, a parent or a spouse."""
    near = 'jaro_winkler_similarity("first_l", "first_r")'
    return {
        "output_column_name": "first",
        "comparison_levels": [
            _missing("first"),
            _exact("first", 0.93, 0.01),
            _level(f"{near} >= 0.92", 0.04, 0.003),
            _level(f"{near} >= 0.85", 0.02, 0.01),
            _level("ELSE", 0.0002, 0.97),
        ],
    }


def _last_name() -> dict[str, Any]:
    """Whoever marries may have another one."""
    near = 'jaro_winkler_similarity("last_l", "last_r")'
    return {
        "output_column_name": "last",
        "comparison_levels": [
            _missing("last"),
            _exact("last", 0.9, 0.002),
            _level(f"{near} >= 0.92", 0.04, 0.001),
            _level(f"{near} >= 0.85", 0.02, 0.005),
            _level("ELSE", 0.03, 0.99),
        ],
    }


def _born(many: int) -> dict[str, Any]:
    """A digit is mistyped, or two are swapped, or day and month are.

    A day that many share, such as one that stands for none, says less; of few people nobody can
    tell which those are.
    """
    day = _exact("born", 0.94, _A_DAY)
    if many < _MANY:
        del day["tf_adjustment_column"]
    swapped = (
        "left(born_l, 4) = left(born_r, 4) AND substr(born_l, 6, 2) = substr(born_r, 9, 2)"
        " AND substr(born_l, 9, 2) = substr(born_r, 6, 2)"
    )
    return {
        "output_column_name": "born",
        "comparison_levels": [
            _missing("born"),
            day,
            _level(f"damerau_levenshtein(born_l, born_r) <= 1 OR ({swapped})", 0.05, 0.0015),
            _level("ELSE", 1e-9, 0.9985),  # no name is so rare that a parent has it alone
        ],
    }


def _zip() -> dict[str, Any]:
    """People move, mostly not far."""
    return {
        "output_column_name": "zip",
        "comparison_levels": [
            _missing("zip"),
            _exact("zip", 0.8, 0.001),
            _level("damerau_levenshtein(zip_l, zip_r) <= 1", 0.03, 0.01),
            _level("left(zip_l, 3) = left(zip_r, 3)", 0.07, 0.05),
            _level("ELSE", 0.1, 0.94),
        ],
    }

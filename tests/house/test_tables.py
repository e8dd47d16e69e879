"""Every table of the schema says what protects its rows."""

from upheld.database.declared import MAC
from upheld.database.schema import declared_tables


def test_every_table_says_what_protects_its_rows() -> None:
    """Each is sealed, with a reason for each column that is not, or says why it needs no seal."""
    bare: dict[str, str] = {}
    for name, table in declared_tables().tables.items():
        if "sealed" in table.info:
            assert MAC in table.columns, name
            bare |= {
                f"{name}.{column}": why for column, why in table.info["sealed"]["free"].items()
            }
        else:
            bare[name] = table.info.get("bare", "")
    assert [name for name, why in bare.items() if len(why.split()) < 5] == []
    assert sorted(bare) == UNCOVERED


UNCOVERED = sorted(
    [
        "checkpoint",
        "cosigned",
        "entry",
        "entry_person",
        "epoch",
        "finding",
        "lease",
        "log_name",
        "person",
        "person_key",
        "record.body",
        "restored",
        "session.seen",
        "set_aside",
        "tile",
        "value",
    ]
)

"""What names a person, an entry or a record: types apart, so that one is not taken for another.

At run time an id is the text or number that it always was. Whoever reads one out of an address or a
form says so by the type, once: `PersonId(text)`.
"""

from typing import Final, NewType

PersonId = NewType("PersonId", str)  # says nothing of the person
RecordId = NewType("RecordId", str)  # of a record that proves facts: a consent, an agreement
EntryNumber = NewType("EntryNumber", int)  # of an entry of the log: each one more than before

NOBODY: Final = PersonId("")  # whose rows are nobody's, such as registers

__all__ = ["NOBODY", "EntryNumber", "PersonId", "RecordId"]

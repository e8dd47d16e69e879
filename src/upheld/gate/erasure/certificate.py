"""The certificate of an erasure: what was erased, what was kept on which clause, until when.

It says categories and never a value, and by when no backup can be read any more. The person gets
it; here it is kept sealed, found by who names the person alone. It never tells of what a law keeps
and forbids to speak of: it says the same for somebody of whom there is such a thing.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from upheld.core.ids import EntryNumber
from upheld.gate.erasure.must_keep import KeptFields

ALIKE = (
    "Every certificate says this: what a law obliges us to keep and forbids us to speak of, if"
    " there is any, is not told here, and nobody else sees or uses it."
)


class RecipientAnswer(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a company that had received something was asked to delete, and when it said it did."""

    company: str
    data: tuple[str, ...]
    asked_at: str
    due: str
    confirmed_at: str = ""
    late: bool = False

    def text(self) -> str:
        """The request as a person reads it."""
        if self.confirmed_at:
            answer = f"confirmed on {self.confirmed_at[:10]}"
        else:
            answer = f"not confirmed yet, {'late since' if self.late else 'due'} {self.due[:10]}"
        request = (
            f"{self.company} was asked on {self.asked_at[:10]} to delete {', '.join(self.data)}"
        )
        return f"{request}: {answer}"


class Certificate(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What was done at an erasure. `final` is when the last key to it was destroyed.

    `backups` is the day from which no backup from before can be read, where there is one.
    `recipients` are the companies that were asked to delete it too, as that stands when it is read.
    """

    format: str = "upheld-erasure-1"
    person: str = ""
    policy: str
    asked: str
    erased: tuple[str, ...] = ()
    kept: tuple[KeptFields, ...] = ()
    entries: tuple[EntryNumber, ...] = ()
    final: str = ""
    backups: str = ""
    note: str = ALIKE
    recipients: tuple[RecipientAnswer, ...] = ()

    def text(self) -> str:
        """The certificate as a person reads it."""
        lines = [f"Erasure of {self.person}, asked for on {self.asked[:10]}"]
        nothing = "nothing" if self.kept else "nothing was held"
        lines.append(f"erased: {', '.join(self.erased) or nothing}")
        for each in self.kept:
            what = ", ".join(each.data)
            if not each.clauses:  # of an erasure that was replayed in a restored database
                lines.append(f"kept: {what or 'what is on hold'}, as the first certificate says")
                continue
            if each.rows:
                what += f"{', and ' if what else ''}whatever there is of {', '.join(each.rows)}"
            clauses = ", ".join(f"#{clause}" for clause in each.clauses)
            until = (
                f"until {each.until[:10]} at the latest"
                if each.until
                else "for as long as that is so"
            )
            grounds = f" ({', '.join(each.grounds)})" if each.grounds else ""
            lines.append(f"kept: {what}, by {clauses}{grounds}, {until}")
        lines.append(f"entries: {', '.join(map(str, self.entries))}")
        if self.final:
            lines.append(f"final since {self.final[:10]}: the last key to it was destroyed")
        else:
            lines.append("not final yet: the keys are to be renewed")
        day = f"from {self.backups[:10]} on" if self.backups else "once it is final"
        lines.append(f"no backup from before can be read {day}")
        lines += [each.text() for each in self.recipients]
        return "\n".join([*lines, self.note])


def with_recipients(
    certificates: Sequence[Certificate], recipients: tuple[RecipientAnswer, ...]
) -> list[Certificate]:
    """Certificates of one person, the last one with what companies were asked and answered."""
    last = [msgspec.structs.replace(each, recipients=recipients) for each in certificates[-1:]]
    return [*certificates[:-1], *last]

"""How long it takes to compare a partner's people with all customers, and how often that is right.

Made-up people with twins, parents of the same name, moves, marriages and typing errors, half of
them common to both sides; the truth is known. Precision is the share of right ones among those who
would be combined at the default threshold, recall their share of all who are common. Beside it,
plain joins of the same rows: whoever has the same name, birth date and zip code, and whoever has
the same name and birth date. Reading customers at the gate is not in it.
`python bench/linkage.py [PEOPLE]`.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from resource import RUSAGE_SELF, getrusage

from upheld.core.ids import PersonId
from upheld.practices.feeds.likeness import LOWEST, THRESHOLD, Identity, identity, settle
from upheld.practices.feeds.linkage import compare
from upheld.practices.feeds.synthetic import TwoFiles, two_files

PEOPLE = 10_000


def joined(
    ours: Mapping[PersonId, Identity], theirs: Mapping[int, Identity], *, with_zip: bool
) -> list[tuple[int, PersonId]]:
    """Whom a plain join ties: those who are alike in all of it, and to nobody else."""
    by_key: dict[Identity, list[PersonId]] = defaultdict(list)
    for person_id, who in ours.items():
        by_key[who if with_zip else who._replace(zip="")].append(person_id)
    some = [
        (line, by_key.get(who if with_zip else who._replace(zip=""), []))
        for line, who in theirs.items()
    ]
    return [(line, people[0]) for line, people in some if len(people) == 1]


def verdict(files: TwoFiles, ties: Iterable[tuple[int, PersonId]]) -> str:
    """How many were tied, and how right that is."""
    ties = list(ties)
    right = sum(person_id == f"p{files.theirs[line].number}" for line, person_id in ties)
    common = {each.number for each in files.ours} & {each.number for each in files.theirs}
    precision, recall = right / max(1, len(ties)), right / len(common)
    return f"{len(ties):,} tied; precision {precision:.4f}, recall {recall:.4f}"


def main() -> None:
    """Print it for so many on each side."""
    many = int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE
    files = two_files(many)
    ours = {PersonId(f"p{each.number}"): who for each in files.ours if (who := identity(each.keys))}
    theirs = {n: who for n, each in enumerate(files.theirs) if (who := identity(each.keys))}
    start, cpu = time.perf_counter(), time.process_time()
    pairs = compare(ours, theirs, LOWEST)
    ties = settle(pairs, theirs)
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = getrusage(RUSAGE_SELF).ru_maxrss / 1024
    certain = [(line, each.person_id) for line, each in ties.items() if each.score >= THRESHOLD]
    print(
        f"{many:,} x {many:,}: {wall:.1f} s, {cpu:.1f} s of the processor, {peak:,.0f} MB at most"
    )
    print(f"likeness: {verdict(files, certain)}")
    unsure = [(line, each.person_id) for line, each in ties.items() if each.score < THRESHOLD]
    print(f"asked about: {verdict(files, unsure)}")
    print(f"ambiguous: {len({each.line for each in pairs}) - len(ties):,} lines")
    print(f"same name, birth date, zip: {verdict(files, joined(ours, theirs, with_zip=True))}")
    print(f"same name, birth date: {verdict(files, joined(ours, theirs, with_zip=False))}")


if __name__ == "__main__":
    main()

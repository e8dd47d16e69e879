"""Two archives with the same address, taken in at the same moment: each address is here once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any
from zipfile import ZipFile

import msgspec
import pyrage
import pytest

from practices.conftest import House
from practices.test_takeover_imports import counsel, policy
from upheld.core.ids import ClosingId, EntryNumber
from upheld.practice import parties
from upheld.practices.takeovers.imports import ArchiveImport, ImportedArchive
from upheld.practices.takeovers.manifest import (
    MANIFEST,
    POLICY,
    AccountDigest,
    TransferManifest,
)
from upheld.practices.takeovers.parcels import Parcel, ParcelChoice, ParcelValue

IDENTITY = pyrage.x25519.Identity.generate()
EMAILS = [f"c{number}@marked.example" for number in range(2)]
AT = datetime(2026, 3, 1, tzinfo=UTC)
TEXT = b"# Another policy\n"


def archive(path: Path, number: int) -> str:
    """Write an archive with an account of each address; its digest."""
    values = {"birth-date": "1990-02-01", "name": "Ann Marked"}
    return written(path, [parcel({**values, "email": email}, number) for email in EMAILS])


def parcel(values: dict[str, str], number: int, *choices: ParcelChoice) -> Parcel:
    """An account with some values and choices, of a closing that has this number."""
    return Parcel(
        closing=ClosingId(f"{number:032x}"),
        account=values.get("email", ""),
        entry=EntryNumber(1),
        policy="0" * 64,
        values={word: (ParcelValue(value, AT),) for word, value in values.items()},
        series=(),
        choices=choices,
        kept_back=(),
    )


def written(path: Path, parcels: Sequence[Parcel]) -> str:
    """Write an archive of some accounts of one closing; its digest."""
    parts = [pyrage.encrypt(msgspec.json.encode(each), [IDENTITY.to_public()]) for each in parcels]
    names = [f"accounts/{place:06}.age" for place in range(1, len(parts) + 1)]
    manifest = msgspec.json.encode(
        TransferManifest(
            closing=parcels[0].closing,
            kind="merger",
            successor="larch-valley",
            effective=AT,
            policy="0" * 64,
            policy_sha256=sha256(TEXT).hexdigest(),
            accounts=len(parts),
            files=tuple(
                AccountDigest(name, sha256(part).hexdigest())
                for name, part in zip(names, parts, strict=True)
            ),
        )
    )
    with ZipFile(path, "w") as file:
        for name, content in (
            (MANIFEST, manifest),
            (POLICY, TEXT),
            *zip(names, parts, strict=True),
        ):
            file.writestr(name, content)
    return sha256(manifest).hexdigest()


def test_of_two_archives_with_the_same_addresses_one_has_each_in(
    open_house: Callable[..., House], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever is first; the other one's accounts stay out, and say that somebody is here."""
    house = open_house(policy())
    house.staff("counsel", sign_in="cleo")
    house.do(lambda t: parties.add(t, "Larch Valley", "business-partner"))
    by = house.do(counsel)
    key = tmp_path / "key.txt"
    key.write_text(str(IDENTITY))
    digests = [archive(tmp_path / f"{number}.zip", number) for number in range(2)]
    looks, look = Barrier(2), ArchiveImport._newcomers

    def look_together(*rest: Any) -> Any:
        newcomers = look(*rest)
        with suppress(BrokenBarrierError):  # the other one waits for its turn to write
            looks.wait(0.5)
        return newcomers

    monkeypatch.setattr(ArchiveImport, "_newcomers", look_together)
    jobs = [ArchiveImport(house.provider, "Larch Valley", by) for _ in digests]

    def bring(number: int) -> ImportedArchive:
        return jobs[number].run(tmp_path / f"{number}.zip", digests[number], key)

    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(bring, range(2)))
    assert house.do(lambda t: [len(t.find("email", each)) for each in EMAILS]) == [1] * len(EMAILS)
    assert done[0].accounts + done[1].accounts == len(EMAILS)
    outside = [each.why for one in done for each in one.refused]
    assert outside == ["somebody with this address is here already"] * len(EMAILS)

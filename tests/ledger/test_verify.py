"""The auditor: whatever is changed in an export or a receipt is found, and named."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.logs import (
    COSIGNER,
    MOMENT,
    ORIGIN,
    OTHER,
    SIGNER,
    entry,
    export,
    salt,
)
from ledger.wrong import EMPTY
from upheld.ledger import entries
from upheld.ledger.checkpoint import Checkpoint, cosign_checkpoint, sign_checkpoint
from upheld.ledger.disclosed import leaf_of
from upheld.ledger.note import parse_note, to_base64
from upheld.ledger.tiles import TileReader, TileWriter, bundle
from upheld.ledger.verify import (
    Report,
    verify_export,
)
from upheld.ledger.witness import ForkError

SMALL = 3
LARGE = 600


def report(folder: Path, since: bytes | None = None) -> Report:
    """What the auditor says of an export."""
    return verify_export(folder, SIGNER.key, since=since)


def told(folder: Path) -> list[tuple[str, int | None]]:
    """What happened to which entry, as the auditor found it."""
    return [(each.kind, each.index) for each in report(folder).findings]


def edit(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change a file's lines."""
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


@pytest.fixture(name="large", scope="module")
def _large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tmp_path_factory.mktemp("large"), range(LARGE))


@pytest.fixture(name="copy")
def _copy(large: Path, tmp_path: Path) -> Path:
    return shutil.copytree(large, tmp_path / "copy")


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 600])
def test_an_export_is_verified(tmp_path: Path, count: int) -> None:
    """An export of any size is found whole, with all its entries."""
    found = report(export(tmp_path, range(count)))
    assert (found.ok, found.size, found.disclosed, found.findings) == (True, count, count, ())


def test_an_export_is_verified_without_its_entries(copy: Path) -> None:
    """What is published discloses no entry, and is verified all the same."""
    shutil.rmtree(copy / "disclosed")
    found = report(copy)
    assert (found.ok, found.size, found.disclosed) == (True, LARGE, 0)


@pytest.mark.parametrize("bit", [0, 5])
def test_every_flipped_byte_of_a_small_export_is_found_in_its_file(
    tmp_path: Path, bit: int
) -> None:
    """Of all files of an export, each byte counts, and the file that was changed is named."""
    export(tmp_path, range(SMALL))
    for path in [each for each in tmp_path.rglob("*") if each.is_file()]:
        right, name = path.read_bytes(), str(path.relative_to(tmp_path))
        for at in range(len(right)):
            path.write_bytes(right[:at] + bytes([right[at] ^ (1 << bit)]) + right[at + 1 :])
            found = report(tmp_path)
            assert {each.file for each in found.findings} == {name}, (name, at)
        path.write_bytes(right)
    assert report(tmp_path).ok


@given(st.data())
def test_a_flipped_byte_of_a_large_export_is_found_in_its_file(
    large: Path, data: st.DataObject
) -> None:
    """With several levels of tiles too, one changed byte names its file, and only that."""
    paths = sorted(path for path in large.rglob("*") if path.is_file())
    path = data.draw(st.sampled_from(paths))
    right = path.read_bytes()
    at, mask = data.draw(st.integers(0, len(right) - 1)), data.draw(st.integers(1, 255))
    try:
        path.write_bytes(right[:at] + bytes([right[at] ^ mask]) + right[at + 1 :])
        files = {each.file for each in report(large).findings}
        assert files == {str(path.relative_to(large))}
    finally:
        path.write_bytes(right)


def test_the_hash_and_the_entry_that_were_changed_are_named(copy: Path) -> None:
    """A changed leaf, a changed hash above it and a changed commitment are told apart."""
    for name, at, message in (
        ("tile/0/001", 32 * 7, "the hash over entry 263 was changed"),
        ("tile/1/000.p/2", 32, "the hash over entries 256 to 511 was changed"),
        ("tile/0/002.p/88", 5, "the hash over entry 512 was changed"),
        ("tile/entries/000", 34 * 9 + 2, "the commitment of entry 9 was changed"),
    ):
        path = copy / name
        right = path.read_bytes()
        path.write_bytes(right[:at] + bytes([right[at] ^ 1]) + right[at + 1 :])
        assert [str(each) for each in report(copy).findings] == [f"{name}: {message}"]
        path.write_bytes(right)


def test_two_changes_that_meet_are_both_named(copy: Path) -> None:
    """A tile and a bundle of the same entries, both changed, are each found."""
    for name, at in (("tile/0/001", 0), ("tile/entries/001", 34 * 5 + 3)):
        path = copy / name
        right = path.read_bytes()
        path.write_bytes(right[:at] + bytes([right[at] ^ 1]) + right[at + 1 :])
    assert {str(each) for each in report(copy).findings} == {
        "tile/0/001: the hash over entry 256 was changed",
        "tile/entries/001: the commitment of entry 261 was changed",
    }


@pytest.mark.parametrize("name", ["tile/0/001", "tile/1/000.p/2", "tile/entries/002.p/88"])
def test_a_missing_file_is_named_and_the_rest_verified(copy: Path, name: str) -> None:
    """A file that is gone is made again from the others where that can be done."""
    (copy / name).unlink()
    assert [(each.file, each.message) for each in report(copy).findings] == [(name, "is not there")]


def test_an_unreadable_part_does_not_hide_the_rest(copy: Path) -> None:
    """Where too much was changed, the entries that cannot be verified are told."""
    for name in ("tile/0/001", "tile/entries/001"):
        (copy / name).write_bytes(bytes(len((copy / name).read_bytes())))
    found = [str(each) for each in report(copy).findings]
    assert any("entries 256 to 511 cannot be verified" in each for each in found)
    assert not any("disclosed/000" in each for each in found)


def test_a_changed_entry_is_named(copy: Path) -> None:
    """An entry with another word in it is named by its index."""
    edit(
        copy / "disclosed/001",
        lambda lines: [*lines[:4], lines[4].replace(b"email", b"phone"), *lines[5:]],
    )
    assert told(copy) == [("changed", 260)]


def test_a_changed_index_and_a_line_that_is_none_are_named(copy: Path) -> None:
    """A line that says another index, and one that cannot be read, are changed entries."""
    edit(
        copy / "disclosed/000",
        lambda lines: [lines[0].replace(b'"index":0', b'"index":900'), b"what?\n", *lines[2:]],
    )
    assert sorted(str(each) for each in report(copy).findings) == [
        "disclosed/000: entry 0 says index 900",
        "disclosed/000: entry 1 was changed",
    ]


def test_removed_entries_are_named(copy: Path) -> None:
    """Entries that were taken out are named, neighbours together; the others are not moved."""
    edit(copy / "disclosed/001", lambda lines: [*lines[:10], *lines[13:]])
    found = report(copy).findings
    assert [str(each) for each in found] == ["disclosed/001: entries 266 to 268 were removed"]


def test_a_file_of_entries_that_is_gone_is_named(copy: Path) -> None:
    """A file of disclosed entries that is not there is found."""
    (copy / "disclosed/001").unlink()
    assert [str(each) for each in report(copy).findings] == ["disclosed/001: is not there"]


def test_reordered_entries_are_named(copy: Path) -> None:
    """Two entries in each other's place, also across files, are told as moved."""
    edit(copy / "disclosed/000", lambda lines: [lines[1], lines[0], *lines[2:]])
    assert [kind for kind, _ in told(copy)] == ["moved"]
    first, second = copy / "disclosed/001", copy / "disclosed/002.p/88"
    taken = first.read_bytes().splitlines(keepends=True)[3]
    edit(first, lambda lines: [*lines[:3], *lines[4:]])
    edit(second, lambda lines: [taken, *lines])
    assert [str(each) for each in report(copy).findings][1:] == [
        "disclosed/002.p/88: entry 259 was moved to line 1"
    ]


def test_inserted_entries_are_named(copy: Path) -> None:
    """An entry that was never in the log, and a copy of one that was, are inserted."""
    raw = entries.encode(entry(9_999))
    extra = entries.to_line(5, salt(5), raw) + b"\n"
    edit(copy / "disclosed/000", lambda lines: [*lines[:5], extra, *lines[5:], lines[7]])
    found = report(copy).findings
    assert [(each.kind, each.message.partition(":")[0]) for each in found] == [
        ("inserted", "line 6 was inserted"),
        ("inserted", "line 258 was inserted"),
    ]


def test_a_withheld_entry_counts_by_its_commitment(copy: Path) -> None:
    """An entry may be left out if its commitment stands in its place, and then only that."""
    reader = TileReader(copy, LARGE)
    right = to_base64(reader.commitments(0)[7]).encode()
    withheld = b'{"commitment":"%b","index":7}\n' % right
    edit(copy / "disclosed/000", lambda lines: [*lines[:7], withheld, *lines[8:]])
    assert report(copy).ok
    right_file = (copy / "disclosed/000").read_bytes()
    for wrong in (
        withheld.replace(b'"index":7', b'"index":8'),
        withheld.replace(right, right[:-2] + b"!="),
        withheld.replace(right, right[:-2] + bytes([right[-2] ^ 1]) + b"="),
    ):
        path = copy / "disclosed/000"
        path.write_bytes(right_file.replace(withheld, wrong))
        assert not report(copy).ok
    assert leaf_of(b'{"commitment":"%b","index":7}' % (b"=" * 44), 7) is None


def test_a_rewritten_log_is_found_by_its_checkpoint(tmp_path: Path) -> None:
    """Whoever rewrites all tiles but cannot sign is found by the root."""
    export(tmp_path / "one", range(300))
    export(tmp_path / "two", [*range(299), 999])
    shutil.copy(tmp_path / "one/checkpoint", tmp_path / "two/checkpoint")
    found = report(tmp_path / "two").findings
    assert [(each.kind, each.file) for each in found] == [("fork", "checkpoint")]
    assert "rewritten" in found[0].message


def test_a_log_that_was_signed_anew_is_found_by_an_earlier_checkpoint(tmp_path: Path) -> None:
    """Whoever rewrites and signs is found by anyone who kept a checkpoint."""
    export(tmp_path / "one", range(300))
    kept = (tmp_path / "one/checkpoint").read_bytes()
    export(tmp_path / "one", range(700))
    assert report(tmp_path / "one", since=kept).ok
    export(tmp_path / "two", [*range(17), 999, *range(18, 700)])
    assert report(tmp_path / "two").ok
    found = report(tmp_path / "two", since=kept).findings
    assert [(each.kind, each.message) for each in found] == [
        ("fork", "the 300 entries of the earlier checkpoint changed")
    ]
    export(tmp_path / "cut", range(200))
    assert "the log was cut: it had 300 entries and has 200" in str(
        report(tmp_path / "cut", since=kept).findings
    )


def test_a_damaged_tile_is_no_fork(tmp_path: Path) -> None:
    """The earlier root is made from the leaves as they were signed, whatever the tiles say."""
    kept = (export(tmp_path, range(300)) / "checkpoint").read_bytes()
    export(tmp_path, range(700))
    tile = tmp_path / "tile/0/000"
    tile.write_bytes(b"\x00" * 32 + tile.read_bytes()[32:])
    assert [each.kind for each in report(tmp_path, since=kept).findings] == ["changed"]


def test_an_earlier_checkpoint_must_be_signed_too(tmp_path: Path) -> None:
    """A kept checkpoint of another key proves nothing, and is named."""
    export(tmp_path, range(3))
    forged = str(sign_checkpoint(Checkpoint(ORIGIN, 2, bytes(32)), OTHER)).encode()
    found = report(tmp_path, since=forged).findings
    assert [(each.kind, each.file) for each in found] == [("checkpoint", "earlier checkpoint")]
    empty = str(sign_checkpoint(Checkpoint(ORIGIN, 0, EMPTY), SIGNER)).encode()
    assert report(tmp_path, since=empty).ok


def test_another_key_or_no_checkpoint_is_told(copy: Path) -> None:
    """With another key, or without a checkpoint, nothing is verified and that is what is said."""
    assert [each.kind for each in verify_export(copy, OTHER.key).findings] == ["checkpoint"]
    (copy / "checkpoint").unlink()
    assert [str(each) for each in report(copy).findings] == [
        "checkpoint: checkpoint cannot be read: No such file or directory"
    ]


def test_a_deep_log_names_what_was_changed(tmp_path: Path) -> None:
    """With three levels, a tile in the middle is made again from what lies below it."""
    data = [b"%032d" % n for n in range(66_000)]
    writer = TileWriter(tmp_path)
    for each in data:
        writer.append(each)
    state = Checkpoint(ORIGIN, writer.size, writer.root())
    writer.publish(sign_checkpoint(state, SIGNER))
    middle, leaf = tmp_path / "tile/1/000", tmp_path / "tile/0/009"
    middle.write_bytes(middle.read_bytes()[:-1] + b"!")
    leaf.write_bytes(b"!" + leaf.read_bytes()[1:])
    wrong = bundle([*data[256 * 20 : 256 * 20 + 3], bytes(32), *data[256 * 20 + 4 : 256 * 21]])
    (tmp_path / "tile/entries/020").write_bytes(wrong)
    assert {str(each) for each in report(tmp_path).findings} == {
        "tile/1/000: the hash over entries 65280 to 65535 was changed",
        "tile/0/009: the hash over entry 2304 was changed",
        "tile/entries/020: the commitment of entry 5123 was changed",
    }


def test_an_older_partial_tile_must_be_the_beginning_of_the_next(tmp_path: Path) -> None:
    """Files of earlier checkpoints are verified too, as somebody may still read them."""
    export(tmp_path, range(3))
    export(tmp_path, range(5))
    found = report(tmp_path)
    assert (found.ok, found.beyond) == (True, ())
    for name in ("tile/0/000.p/3", "tile/entries/000.p/3", "disclosed/000.p/3"):
        path = tmp_path / name
        right = path.read_bytes()
        path.write_bytes(b"!" + right[1:])
        assert {each.file for each in report(tmp_path).findings} == {name}
        path.write_bytes(right)
    (tmp_path / "disclosed/000.p/5").unlink()
    assert {each.file for each in report(tmp_path).findings} == {"disclosed/000.p/5"}


def test_what_lies_beyond_the_checkpoint_is_listed(tmp_path: Path) -> None:
    """A file that no checkpoint covers is no part of the log, and is told."""
    export(tmp_path, range(3))
    for name in ("disclosed/001", "tile/0/000.p/9", "tile/notes.txt"):
        (tmp_path / name).write_text("x")
    found = report(tmp_path)
    assert (found.ok, found.beyond) == (True, ("tile/0/000.p/9", "tile/notes.txt", "disclosed/001"))


def test_missing_tiles_are_not_called_a_fork(tmp_path: Path) -> None:
    """Where tiles and bundles are gone, that is what is said."""
    export(tmp_path, range(300))
    for name in ("tile", "disclosed"):
        shutil.rmtree(tmp_path / name)
    found = report(tmp_path).findings
    assert {each.kind for each in found} == {"tile"}
    assert found[-1].message == "its root cannot be verified without the tiles that are not there"


def test_exporting_nothing_new_keeps_the_cosignatures(tmp_path: Path) -> None:
    """A checkpoint is written anew only where it says something new."""
    export(tmp_path, range(3))
    path = tmp_path / "checkpoint"
    cosigned = cosign_checkpoint(parse_note(path.read_bytes()), COSIGNER.name, COSIGNER, MOMENT)
    path.write_text(str(cosigned))
    export(tmp_path, range(3))
    assert path.read_text() == str(cosigned)


@given(st.data())
def test_what_was_done_to_entries_is_what_is_told(large: Path, data: st.DataObject) -> None:
    """Whichever entries are changed, removed and inserted, just these are named as just that."""
    drawn = data.draw(st.lists(st.integers(0, LARGE - 1), unique=True, max_size=9))
    cut = data.draw(st.integers(0, len(drawn)))
    changed, removed = set(drawn[:cut]), set(drawn[cut:])
    inserted = data.draw(st.integers(0, 2))
    paths = sorted(path for path in (large / "disclosed").rglob("*") if path.is_file())
    right = {path: path.read_bytes() for path in paths}
    try:
        for path in paths:
            lines = [
                each.replace(b"email", b"phone") if index in changed else each
                for index, each in enumerate(
                    right[path].splitlines(keepends=True),
                    int(path.relative_to(large / "disclosed").parts[0][:3]) * 256,
                )
                if index not in removed
            ]
            extra = entries.to_line(10**6, salt(1), entries.encode(entry(10**6))) + b"\n"
            path.write_bytes(b"".join(lines + [extra] * (inserted if path == paths[-1] else 0)))
        found = report(large).findings
    finally:
        for path, raw in right.items():
            path.write_bytes(raw)
    assert {each.index for each in found if each.kind == "changed"} == changed
    assert sum(each.kind == "inserted" for each in found) == inserted
    assert not any(each.kind == "moved" for each in found)
    spans = [re.findall(r"\d+", each.message) for each in found if each.kind == "removed"]
    assert {n for span in spans for n in range(int(span[0]), int(span[-1]) + 1)} == removed


@given(st.integers(0, 255), st.integers(0, 255))
def test_one_moved_entry_is_one_finding(large: Path, start: int, end: int) -> None:
    """To move one entry is told as one move, of it or of the neighbour that it passed."""
    path = large / "disclosed/000"
    right = path.read_bytes()
    lines = right.splitlines(keepends=True)
    lines.insert(end, lines.pop(start))
    try:
        path.write_bytes(b"".join(lines))
        found = report(large).findings
    finally:
        path.write_bytes(right)
    assert [each.kind for each in found] == ["moved"] * (start != end)
    assert all(each.index == start or abs(start - end) == 1 for each in found)


def test_many_changes_in_a_tile_are_each_named(copy: Path) -> None:
    """A tile with more changes than can be tried one by one is made again from its bundle."""
    tile = copy / "tile/0/001"
    tile.write_bytes(bytes(32 * 20) + tile.read_bytes()[32 * 20 :])
    assert [each.index for each in report(copy).findings] == list(range(256, 276))


def test_a_log_that_lost_all_of_a_tile_says_nothing_of_its_entries(tmp_path: Path) -> None:
    """Where nobody can tell what was signed, no entry is accused."""
    export(tmp_path, range(300))
    for name in ("tile/0/001.p/44", "tile/entries/001.p/44"):
        (tmp_path / name).unlink()
    assert {each.kind for each in report(tmp_path).findings} == {"tile"}


def test_other_lines_than_those_that_are_signed_are_a_fork(tmp_path: Path) -> None:
    """An export goes on from what it has signed, or is refused before it writes."""
    export(tmp_path, range(3))
    before = (tmp_path / "checkpoint").read_bytes()
    for numbers in ([0, 1], [0, 9, 2], [0, 9, 2, 3]):
        with pytest.raises(ForkError):
            export(tmp_path, numbers)
    assert (tmp_path / "checkpoint").read_bytes() == before
    assert report(tmp_path).beyond == ()

"""Tiles: laid out as C2SP says, read by another program, gone on with, and safe in a crash."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tlog_scales import tiles as scales
from tlog_scales.backend import LocalBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey

from ledger.logs import ORIGIN, SIGNER, entry, export, line, salt
from ledger.wrong import mth
from processes import child
from sizes import size
from upheld.core.errors import UpheldError
from upheld.ledger import entries, tree
from upheld.ledger.checkpoint import Checkpoint, sign_checkpoint
from upheld.ledger.export import export_lines
from upheld.ledger.tiles import (
    TileError,
    TileReader,
    TileWriter,
    bundle,
    parse_bundle,
    partials,
    tile_path,
    width_of,
)
from upheld.ledger.verify import verify_export

KILLS = size("kills of an export", short=5, long=100)
DEEP = size("entries of a deep log", short=66_000, long=1_000_000)


def commitments(count: int) -> list[bytes]:
    """So many commitments."""
    return [entries.commitment(salt(n), entries.encode(entry(n))) for n in range(count)]


def written(folder: Path, data: list[bytes], start: int = 0) -> Checkpoint:
    """A log of these commitments, the first of which are there already."""
    writer = TileWriter(folder, start)
    for each in data[start:]:
        writer.append(each)
    state = Checkpoint(ORIGIN, writer.size, writer.root())
    writer.publish(sign_checkpoint(state, SIGNER))
    return state


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@given(st.integers(0, 63), st.integers(0, 2**40), st.integers(1, 256))
def test_a_tile_lies_where_the_specification_says(level: int, index: int, width: int) -> None:
    """A path is the one that another implementation makes."""
    theirs = "/".join(scales.tile_path(level, index, width % 256))
    assert tile_path(level, index, width) == theirs


@given(st.integers(1, 2**40))
def test_partial_tiles_are_those_of_the_specification(count: int) -> None:
    """For each size, the rightmost tiles and their widths are the specification's."""
    wanted = []
    for level in range(6):
        full, width = scales.level_tiles(count, level)
        assert width_of(count, level, full) == width
        assert full == 0 or width_of(count, level, full - 1) == 256
        wanted += [(level, full)] if width else []
    assert sorted(partials(count)) == wanted


def test_the_specifications_own_example_of_sizes() -> None:
    """A log of 70,000 entries has the tiles that the specification counts."""
    assert [(level, width_of(70_000, level, index)) for level, index in partials(70_000)] == [
        (2, 1),
        (1, 17),
        (0, 112),
    ]
    assert partials(256) == [(1, 0)]
    assert partials(0) == []
    assert tile_path("tile/entries", 1234067) == "tile/entries/x001/x234/067"


@pytest.mark.parametrize("count", [0, 1, 2, 255, 256, 257, 511, 512, 700])
def test_another_program_reads_our_tiles(tmp_path: Path, count: int) -> None:
    """tlog-scales finds the root, the entries and the proofs in an export of any size."""
    data = commitments(count)
    state = written(tmp_path, data)
    leaves = [tree.leaf_hash(each) for each in data]
    assert state.root == mth(leaves)
    theirs = TilesReader(LocalBackend(tmp_path))
    signed = theirs.get_checkpoint()
    signed.verify(Vkey.from_string(str(SIGNER.key)))
    assert theirs.calculate_root_hash() == state.root
    ours = TileReader(tmp_path, count)
    for index in range(0, count, 97):
        assert theirs.get_entry(index) == data[index]
        proof = theirs.get_inclusion_proof(index, count)
        assert proof.node_hashes == tree.inclusion_proof(index, count, ours.subtree)
        consistency = theirs.get_consistency_proof(index + 1, count)
        assert consistency.node_hashes == tree.consistency_proof(index + 1, count, ours.subtree)


def test_a_deep_log_has_proofs_for_every_size(tmp_path: Path) -> None:
    """With three levels of tiles, proofs to the current and to earlier sizes lead to the root."""
    data = [b"%032d" % n for n in range(DEEP)]
    state = written(tmp_path, data)
    reader = TileReader(tmp_path, DEEP)
    assert reader.subtree(0, DEEP) == state.root
    assert TilesReader(LocalBackend(tmp_path)).get_checkpoint().size == DEEP
    for index, count in ((0, DEEP), (65_535, 65_536), (65_536, DEEP), (300, 301), (5, 40_000)):
        proof = tree.inclusion_proof(index, count, reader.subtree)
        root = reader.subtree(0, count)
        tree.verify_inclusion(tree.leaf_hash(data[index]), index, count, proof, root)
        path = tree.consistency_proof(count, DEEP, reader.subtree)
        tree.verify_consistency(count, DEEP, path, root, state.root)
    assert verify_export(tmp_path, SIGNER.key).ok


@pytest.mark.parametrize("steps", [(1, 2, 3), (255, 256), (100, 256, 257), (256, 600), (300, 900)])
def test_going_on_gives_the_same_files_as_writing_at_once(
    tmp_path: Path, steps: tuple[int, ...]
) -> None:
    """An export that grew in steps is, but for partial tiles of old, the export made at once."""
    lines = [line(n) for n in range(steps[-1])]
    for count in steps:
        export_lines(lines[:count], tmp_path / "grown", ORIGIN, SIGNER)
    export_lines(lines, tmp_path / "whole", ORIGIN, SIGNER)
    grown, whole = files(tmp_path / "grown"), files(tmp_path / "whole")
    assert whole.items() <= grown.items()
    assert all(".p/" in name for name in grown.keys() - whole.keys())
    assert verify_export(tmp_path / "grown", SIGNER.key).ok


def test_a_full_tile_serves_whoever_kept_an_older_checkpoint(tmp_path: Path) -> None:
    """Once a tile is full its partials go, and a reader of an earlier size reads the full one."""
    export(tmp_path, range(100))
    early = (tmp_path / "checkpoint").read_bytes()
    export(tmp_path, range(300))
    assert not (tmp_path / "tile/0/000.p").exists()
    assert TileReader(tmp_path, 100).subtree(0, 100) == mth(
        [tree.leaf_hash(each) for each in commitments(100)]
    )
    (tmp_path / "checkpoint").write_bytes(early)
    assert verify_export(tmp_path, SIGNER.key).ok


def test_tiles_are_for_everyone_and_entries_for_their_owner(tmp_path: Path) -> None:
    """A web server may read what is published, and nobody else the entries and their salts."""
    export(tmp_path, range(300))
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in files(tmp_path)}
    assert {mode for name, mode in modes.items() if name.startswith("disclosed/")} == {0o600}
    assert {mode for name, mode in modes.items() if not name.startswith("disclosed/")} == {0o644}


@pytest.mark.parametrize("fails", range(30))
def test_a_crash_or_a_full_disk_leaves_the_last_checkpoint_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: int
) -> None:
    """Whichever sync fails, the export verifies as it was or as it was to be, and can go on."""
    export(tmp_path, range(250))
    count = 0
    sync = os.fsync

    def full(handle: int) -> None:
        nonlocal count
        count += 1
        if count > fails:
            raise OSError(28, "No space left on device")
        sync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with suppress(UpheldError):  # the last ones do not fail, as there are fewer syncs
            export(tmp_path, range(520))
    report = verify_export(tmp_path, SIGNER.key)
    assert (report.ok, report.size in (250, 520)) == (True, True)
    assert not list(tmp_path.rglob(".new-*"))
    export(tmp_path, range(520))
    assert verify_export(tmp_path, SIGNER.key).size == 520


def test_bundles_are_read_to_the_last_byte() -> None:
    """What is not exactly a row of commitments is no bundle."""
    raw = bundle(commitments(3))
    assert parse_bundle(raw) == commitments(3)
    assert parse_bundle(b"") == []
    for wrong in (raw[:-1], raw + b"\x00", b"\x01" + raw[1:], raw[:34] + b"\x00\x21" + raw[36:]):
        assert parse_bundle(wrong) is None


def test_a_file_that_is_not_there_or_too_long_is_named(tmp_path: Path) -> None:
    """A reader says which file is missing, and takes none that is longer than its tile."""
    export(tmp_path, range(3))
    with pytest.raises(TileError, match=r"tile/0/000\.p/9 is not there"):
        TileReader(tmp_path, 9).hashes(0, 0)
    tile = tmp_path / "tile/0/000.p/3"
    tile.write_bytes(tile.read_bytes() + bytes(32))
    with pytest.raises(TileError, match="has 128 bytes, want 96"):
        TileReader(tmp_path, 3).hashes(0, 0)
    tile.unlink()
    tile.mkdir()
    with pytest.raises(TileError, match="cannot be read: Is a directory"):
        TileReader(tmp_path, 3).hashes(0, 0)


GROW = """
import sys
from pathlib import Path
from ledger.logs import export
for count in range(int(sys.argv[2]), 50_000, 61):
    export(Path(sys.argv[1]), range(count))
    print(count, flush=True)
"""


def test_a_killed_export_leaves_a_log_that_verifies_and_goes_on(tmp_path: Path) -> None:
    """Whenever kill -9 comes, the checkpoint's tiles are all there, and nothing signed is lost."""
    folder, reached = tmp_path / "log", 1
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    for number in range(KILLS):
        command = [sys.executable, "-c", GROW, str(folder), str(reached)]
        with child(command, env=environment, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            told = int(process.stdout.readline())
            time.sleep(number % 23 / 1_000)
            process.kill()
            told = max([told, *map(int, process.stdout.read().split(b"\n")[:-1])])
        found = verify_export(folder, SIGNER.key)
        assert (found.ok, found.size >= told) == (True, True), found.findings
        reached = found.size
    export(folder, range(reached + 300))
    assert verify_export(folder, SIGNER.key).size == reached + 300

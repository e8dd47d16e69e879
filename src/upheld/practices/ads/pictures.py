"""Pictures of advertisements: copied in, read to the last part, and written anew without the rest.

What a camera or a program puts beside a picture (where it was taken, by whom, another picture) is
not kept, nor is anything that no part of a picture accounts for. PNG and JPEG alone are taken:
nothing that could run, load or move.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from starlette.responses import Response

from upheld.core.ids import CampaignId
from upheld.database.own_tables import Tables, placeholders
from upheld.gate.transaction import Transaction
from upheld.practices.ads.campaigns import AdError
from upheld.practices.ads.tables import ad_picture
from upheld.web.kit import CSP
from upheld.web.pages import KEEP_OUT

BYTES_MAX: Final = 500_000
PIXELS_MAX: Final = 2_000  # of either side
TYPES: Final = {"png": "image/png", "jpg": "image/jpeg"}
HEADERS: Final = {
    **KEEP_OUT,
    CSP: "default-src 'none'; sandbox; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
}
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a PNG's kinds of colour
_DEPTHS: Final = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
# The passes of an interlaced PNG: where its pixels begin and how far apart they are, across, down.
_PASSES: Final = (
    (0, 8, 0, 8),
    (4, 8, 0, 8),
    (0, 4, 4, 8),
    (2, 4, 0, 4),
    (0, 2, 2, 4),
    (1, 2, 0, 2),
    (0, 1, 1, 2),
)
_FILTERS: Final = 5  # ways in which a line of a PNG is written
_CRC: Final = 4  # bytes of a checksum
_START, _END, _SCAN, _FRAME_LAST = 0xD8, 0xD9, 0xDA, 0xC2
_FRAMES: Final = range(0xC0, _FRAME_LAST + 1)  # baseline, extended, progressive
_DHT, _DQT = 0xC4, 0xDB
_TABLES: Final = (_DHT, _DQT, 0xDD)
_BESIDE: Final = (*range(0xE0, 0xF0), 0xFE)  # applications' own, and comments
_ADOBE: Final = 0xEE  # says how the colours are to be read, which is part of the picture


class Picture(NamedTuple):
    """A picture as it is kept: its kind, its size in pixels, and nothing but its pixels."""

    kind: str
    width: int
    height: int
    content: bytes


class KeptPicture(NamedTuple):
    """A picture of a campaign, with the text for whoever does not see it."""

    picture: Picture
    alternative: str


class ShownPicture(NamedTuple):
    """A picture as a page has it: the text for whoever does not see it, and its size."""

    alternative: str
    width: int
    height: int


def read_picture(content: bytes) -> Picture:
    """A picture as it is to be kept. AdError for what is none, is too large, or is not whole."""
    if len(content) > BYTES_MAX:
        raise _error(f"it has more than {BYTES_MAX:,} bytes", "send a smaller one")
    try:
        if content.startswith(_PNG):
            return _read_png(content)
        if content.startswith(b"\xff\xd8\xff"):
            return _read_jpeg(content)
    except (struct.error, IndexError, zlib.error):
        raise _error("it is not whole", "save it anew as PNG or JPEG") from None
    raise _error("it is no PNG and no JPEG", "save it as one of these")


def keep(
    transaction: Transaction, campaign_id: CampaignId, picture: Picture, alternative: str
) -> None:
    """Keep the picture of a campaign that is being booked. AdError without a text beside it."""
    if not alternative:
        raise _error("nothing says what it shows", "write it in a few words")
    transaction.tables.insert(
        ad_picture,
        campaign_id=campaign_id,
        kind=picture.kind,
        alternative=alternative,
        width=picture.width,
        height=picture.height,
        picture=picture.content,
    )


def find(tables: Tables, campaign_id: CampaignId) -> KeptPicture | None:
    """The picture of a campaign; None where it has none."""
    row = tables.get(ad_picture, "campaign_id = ?", campaign_id)
    if row is None:
        return None
    return KeptPicture(Picture(row.kind, row.width, row.height, row.picture), row.alternative)


def shown_of(tables: Tables, campaign_ids: Sequence[CampaignId]) -> dict[str, ShownPicture]:
    """How a page shows the pictures of some campaigns, of those that have one; none is read."""
    if not campaign_ids:
        return {}
    columns = ("campaign_id", "alternative", "width", "height")
    where = f"campaign_id IN ({placeholders(campaign_ids)})"
    rows = tables.select_unchecked(ad_picture, columns, where, *campaign_ids)
    return {str(each): ShownPicture(*rest) for each, *rest in rows}


def response(its: KeptPicture) -> Response:
    """A picture for a browser, which may do nothing with it but show it: the same for everybody."""
    name = f'inline; filename="picture.{its.picture.kind}"'
    headers = {**HEADERS, "content-disposition": name}
    return Response(its.picture.content, 200, headers, TYPES[its.picture.kind])


def _require_size(width: int, height: int) -> None:
    if not 0 < width <= PIXELS_MAX or not 0 < height <= PIXELS_MAX:
        raise _error(f"a side of it has more than {PIXELS_MAX:,} pixels", "send a smaller one")


def _read_png(content: bytes) -> Picture:
    """A PNG of its pixels alone, and of the colours that they name, written anew."""
    header, colours, packed = b"", dict[bytes, bytes](), bytearray()
    for kind, data in _chunks(content):
        if kind == b"IHDR" and not header:
            header = data
        elif kind == b"IDAT" and header:
            packed += data
        elif kind in (b"PLTE", b"tRNS") and header and not packed and kind not in colours:
            colours[kind] = data
        elif not kind[0] & 0x20:  # what no reader may pass over
            raise _broken()
    width, height, depth, colour, *ways, interlaced = struct.unpack(">IIBBBBB", header)
    _require_size(width, height)
    if depth not in _DEPTHS.get(colour, ()) or ways != [0, 0] or interlaced > 1:
        raise _broken()
    palette = colours.get(b"PLTE", b"")
    if bool(palette) != (colour == 3) and colour not in (2, 6):
        raise _broken()
    if len(palette) % 3 or len(palette) > 3 << min(depth, 8):
        raise _broken()
    if len(colours.get(b"tRNS", b"")) > {0: 2, 2: 6, 3: len(palette) // 3}.get(colour, 0):
        raise _broken()
    pixels = _unpack(bytes(packed), _lines(width, height, depth * _CHANNELS[colour], interlaced))
    written = [_chunk(b"IHDR", header), *(_chunk(k, colours[k]) for k in sorted(colours))]
    written += [_chunk(b"IDAT", zlib.compress(pixels)), _chunk(b"IEND", b"")]
    return Picture("png", width, height, _PNG + b"".join(written))


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The parts of a PNG up to its end; what follows that is no part of it."""
    at = len(_PNG)
    while True:
        size, kind = struct.unpack_from(">I4s", content, at)
        data = content[at + 8 : at + 8 + size]
        (crc,) = struct.unpack_from(">I", content, at + 8 + size)
        if crc != zlib.crc32(kind + data):
            raise _broken()
        if kind == b"IEND":
            return
        yield kind, data
        at += 8 + size + _CRC


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _lines(width: int, height: int, bits: int, interlaced: int) -> list[tuple[int, int]]:
    """The lines of a PNG: how many there are, and of how many bytes, for each pass."""
    sizes = [(width, height)]
    if interlaced:
        sizes = [
            (-(-(width - x) // across), -(-(height - y) // down)) for x, across, y, down in _PASSES
        ]
    return [(rows, 1 + (columns * bits + 7) // 8) for columns, rows in sizes if columns and rows]


def _unpack(packed: bytes, lines: list[tuple[int, int]]) -> bytes:
    """The pixels of a PNG, which have just the size that they have to have."""
    size = sum(rows * length for rows, length in lines)
    reader = zlib.decompressobj()
    pixels = reader.decompress(packed, size + 1)
    if len(pixels) != size or not reader.eof:
        raise _broken()
    at = 0
    for rows, length in lines:
        if any(pixels[start] >= _FILTERS for start in range(at, at + rows * length, length)):
            raise _broken()
        at += rows * length
    return pixels


def _read_jpeg(content: bytes) -> Picture:
    """A JPEG of its frame, its tables and its scans alone."""
    written, size, at, has_scan = bytearray(b"\xff\xd8"), (0, 0), 2, False
    while True:
        marker, at = _marker(content, at)
        if marker == _END:
            break
        (length,) = struct.unpack_from(">H", content, at)
        data, at = content[at + 2 : at + length], at + length
        if length < 2 or at > len(content):
            raise _broken()
        if marker in _FRAMES and size == (0, 0):
            size = _frame_size(data)
        elif marker == _ADOBE and data[:5] == b"Adobe" and len(data) == 12:
            data = b"Adobe\x00\x64\x00\x00\x00\x00" + data[-1:]
        elif marker in _BESIDE:
            continue
        elif not (_is_tables(marker, data) if marker != _SCAN else size != (0, 0)):
            raise _broken()
        written += bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data
        if marker == _SCAN:
            has_scan, end = True, _end_of_scan(content, at)
            written += content[at:end]
            at = end
    if not has_scan:
        raise _broken()
    return Picture("jpg", *size, bytes(written) + b"\xff\xd9")


def _is_tables(marker: int, data: bytes) -> bool:
    """Whether a part of a JPEG is tables up to its end, and nothing beside them."""
    at = 0
    while marker in _TABLES and at < len(data):
        if marker == _DQT:
            at += 1 + (64 << (data[at] >> 4))
        else:
            at += 17 + sum(data[at + 1 : at + 17]) if marker == _DHT else 2
    return marker in _TABLES and at == len(data)


def _marker(content: bytes, at: int) -> tuple[int, int]:
    """The next marker of a JPEG, and where what follows it begins."""
    if content[at] != 0xFF:
        raise _broken()
    while content[at] == 0xFF:
        at += 1
    return content[at], at + 1


def _frame_size(data: bytes) -> tuple[int, int]:
    """The width and height of a frame of grey or of three colours, with eight bits each."""
    depth, height, width, colours = struct.unpack_from(">BHHB", data)
    _require_size(width, height)
    if depth != 8 or colours not in (1, 3) or len(data) != 6 + 3 * colours:
        raise _broken()
    return width, height


def _end_of_scan(content: bytes, at: int) -> int:
    """Where the marker after the data of a scan stands: no stuffed byte, and none to begin anew."""
    while (at := content.find(b"\xff", at)) >= 0:
        if content[at + 1] not in (0x00, *range(0xD0, 0xD8)):
            return at
        at += 2
    raise _broken()


def _broken() -> AdError:
    return _error("it is not whole, or not as such a picture has to be", "save it anew")


def _error(sentence: str, hint: str) -> AdError:
    return AdError(f"this picture cannot be taken: {sentence}", code="ad", hint=hint)

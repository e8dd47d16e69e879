"""Pictures of advertisements: what is taken, what of it is kept, and how it is given out."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from practices.ads import DOMAIN, SIGNATURE, advertiser, chunk, png, review
from practices.conftest import TOKEN, House
from upheld.practices.ads import campaigns, pictures
from upheld.practices.ads.campaigns import AdError, Campaign
from upheld.practices.ads.pictures import Picture, read_picture
from upheld.practices.ads.tables import ad_picture

PLACE = b"GPS 48.7519 N 122.4787 W, camera of Ann Marked"
ALT = "Two spades in a garden"


def segment(marker: int, data: bytes) -> bytes:
    """A part of a JPEG."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data


FRAME = struct.pack(">BHHB", 8, 2, 3, 1) + b"\x01\x11\x00"
TABLES = segment(0xDB, bytes(65)) + segment(0xC0, FRAME) + segment(0xC4, bytes(17))
SCAN = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + b"\x12\xff\x00\x34\xff\xd0\x56"


def jpeg(beside: bytes = b"", after: bytes = b"") -> bytes:
    """A JPEG, with parts beside the picture and after it."""
    return b"\xff\xd8" + beside + TABLES + SCAN + b"\xff\xd9" + after


def test_a_picture_is_kept_without_what_stands_beside_it() -> None:
    """Neither where it was taken, nor a thumbnail, a profile, a comment, or what follows it."""
    beside = chunk(b"tEXt", b"Author\x00" + PLACE) + chunk(b"eXIf", PLACE) + chunk(b"zzZz", PLACE)
    kept = read_picture(png(beside=beside) + PLACE)
    assert kept[:3] == ("png", 3, 2)
    assert kept == read_picture(png())
    exif = segment(0xE1, b"Exif\x00\x00" + PLACE) + segment(0xFE, PLACE) + segment(0xE2, PLACE)
    kept = read_picture(jpeg(exif, after=PLACE))
    assert kept == Picture("jpg", 3, 2, jpeg())


def _pixels(content: bytes) -> bytes:
    """What the pixels of a PNG unpack to."""
    return zlib.decompressobj().decompress(content[content.index(b"IDAT") + 4 :])


def test_the_pixels_of_a_picture_stay_as_they_are() -> None:
    """Also of one with few colours, and of one whose lines are interlaced; and read again."""
    lines = b"\x00\x10\x01\x80"
    few = SIGNATURE + b"".join(
        [
            chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 4, 3, 0, 0, 0)),
            chunk(b"PLTE", bytes(range(6))),
            chunk(b"tRNS", b"\x00\xff"),
            chunk(b"IDAT", zlib.compress(lines)),
            chunk(b"IEND", b""),
        ]
    )
    header = struct.pack(">IIBBBBB", 3, 2, 8, 0, 0, 0, 1)
    interlaced = png(header=header, pixels=bytes(2 + 2 + 2 + 4))
    for content in (few, interlaced, png()):
        kept = read_picture(content).content
        assert read_picture(kept).content == kept
        assert _pixels(kept) == _pixels(content)
    assert read_picture(few).content.count(b"PLTE") == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GIF89a" + bytes(40),
        b"RIFF\x00\x00\x00\x00WEBPVP8 ",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"\x89PNG\r\n\x1a\n<svg onload=alert(1)>",
        b"\xff\xd8\xff<script>alert(1)</script>",
        b"\xff\xd8\xff\xd9",
        png()[:-5],
        png()[:40],
        png(pixels=bytes(7)),
        png(pixels=bytes(21)),
        png(pixels=b"\x07" + bytes(9) + b"\x00" + bytes(9)),
        png(beside=chunk(b"ABCD", b"")),
        png(beside=chunk(b"PLTE", bytes(5))),
        png(beside=chunk(b"tRNS", bytes(600))),
        png(header=struct.pack(">IIBBBBB", 3, 2, 7, 2, 0, 0, 0)),
        png(header=struct.pack(">IIBBBBB", 3, 2, 8, 3, 0, 0, 0)),
        png(header=struct.pack(">IIBBBBB", 3, 2, 8, 2, 1, 0, 0)),
        png(header=struct.pack(">IIBBBBB", 0, 2, 8, 2, 0, 0, 0)),
        png(header=struct.pack(">IIBBBBB", 1 << 31, 1 << 31, 8, 2, 0, 0, 0)),
        png().replace(b"IDAT", b"IDAt"),
        png(2_001, 1),
        png(pixels=bytes(9_000_000)),
        png() + bytes(pictures.BYTES_MAX),
        jpeg()[:-2],
        jpeg().replace(SCAN, b""),
        jpeg(segment(0xC9, FRAME)),
        jpeg(segment(0xDB, bytes(65) + b"<script>")),
        jpeg(segment(0xC4, bytes(17) + b"<script>")),
        jpeg(segment(0xDD, b"\x00\x02\x00")),
        jpeg(segment(0xDC, b"\x00\x02")),
        jpeg(segment(0xDA, b"")),
        jpeg(segment(0xC0, struct.pack(">BHHB", 8, 2_001, 3, 1) + bytes(3))),
        jpeg(segment(0xC0, struct.pack(">BHHB", 8, 2, 3, 4) + bytes(12))),
        jpeg(b"\xff\xe1\x00\x01"),
        jpeg(b"\xff\xe1\xff\xff"),
        b"\xff\xd8\xff",
    ],
)
def test_what_is_no_picture_or_not_whole_or_too_large_is_refused(content: bytes) -> None:
    """Nothing that runs, loads or moves, no half one, and none that grows when it is unpacked."""
    with pytest.raises(AdError):
        read_picture(content)


@given(st.sampled_from([png(), jpeg()]), st.data())
def test_whatever_is_done_to_a_picture_it_is_refused_or_read_to_its_end(
    content: bytes, data: st.DataObject
) -> None:
    """No other error; and what is kept of it is kept again as it is."""
    at = data.draw(st.integers(0, len(content)))
    cut = data.draw(st.integers(0, 8))
    changed = content[:at] + data.draw(st.binary(max_size=8)) + content[at + cut :]
    try:
        kept = read_picture(changed)
    except AdError:
        return
    assert read_picture(kept.content) == kept


def send_booking(browser: TestClient, content: bytes, **other: str) -> httpx2.Response:
    """Book a campaign at its page, with a picture."""
    form = {
        "title": "Spades",
        "text": "New spades",
        "address": f"https://{DOMAIN}/spades",
        "category": "garden",
        "views_max": "1000",
        "paid_by": "views",
        "cents": "12.50",
        "first-year": "2026",
        "first-month": "03",
        "first-day": "11",
        "last-year": "2026",
        "last-month": "04",
        "last-day": "11",
        "alternative": ALT,
        **other,
    }
    match = TOKEN.search(browser.get("/advertiser").text)
    assert match
    files: Any = {"picture": ("spade.svg", content, "image/svg+xml")} if content else {}
    return browser.post("/advertiser", data={"_token": match[1], **form}, files=files)


@pytest.fixture(name="agent")
def _agent(house: House) -> Callable[[], TestClient]:
    def signed_in() -> TestClient:
        party = advertiser(house)
        return house.signed_in(house.staff(kind="agent", sign_in="pat", party=party), "agent")

    return signed_in


def _only(house: House) -> Campaign:
    (its,) = house.do(lambda t: campaigns.every(t.tables))
    return its


def test_a_picture_is_shown_from_our_own_pages_and_the_same_to_everybody(
    house: House, agent: Callable[[], TestClient]
) -> None:
    """Its type is by its content, it may do nothing, and no view is counted where it is fetched."""
    browser = agent()
    assert send_booking(browser, png(beside=chunk(b"tEXt", PLACE))).status_code == 303
    its = _only(house)
    manager = house.signed_in(house.staff("manager"), "staff")
    people = [house.signed_in(house.customer(f"{each}@marked.example")) for each in ("ann", "bo")]
    path = f"/me/ads/{its.campaign_id}/picture"
    assert people[0].get(path).status_code == 404
    desk = f"/staff/ads/{its.campaign_id}"
    assert manager.get(f"{desk}/picture").content == read_picture(png()).content
    assert f'alt="{ALT}"' in manager.get(desk).text
    assert browser.get(f"/advertiser/{its.campaign_id}/picture").status_code == 200
    assert f'<img src="/advertiser/{its.campaign_id}/picture" alt="{ALT}"' in (
        browser.get("/advertiser").text
    )
    review(house, its)
    answers = [person.get(path) for person in people for _ in range(2)]
    assert len({(a.content, tuple(sorted(a.headers.items()))) for a in answers}) == 1
    answer = answers[0]
    assert answer.content == read_picture(png()).content
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-security-policy"] == pictures.HEADERS["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert not answer.cookies
    page = people[0].get("/me").text
    assert f'<img src="{path}" alt="{ALT}" width="3" height="2">' in page


def test_a_picture_comes_with_words_and_words_with_a_picture(
    house: House, agent: Callable[[], TestClient]
) -> None:
    """Nothing is booked else, nor with a picture that cannot be taken; without any it is booked."""
    browser = agent()
    assert send_booking(browser, png(), alternative="").status_code == 422
    assert send_booking(browser, b"").status_code == 422
    answer = send_booking(browser, b"<svg/>")
    assert answer.status_code == 422
    assert "This picture cannot be taken" in answer.text
    assert send_booking(browser, bytes(pictures.BYTES_MAX * 2)).status_code == 413
    assert house.do(lambda t: campaigns.every(t.tables)) == []
    assert house.do(lambda t: t.tables.select(ad_picture)) == []
    assert send_booking(browser, b"", alternative="").status_code == 303
    its = _only(house)
    assert browser.get(f"/advertiser/{its.campaign_id}/picture").status_code == 404


def test_nobody_elses_picture_is_given_out_to_an_advertiser(
    house: House, agent: Callable[[], TestClient]
) -> None:
    """Another company's people are told what they are told of no campaign at all."""
    assert send_booking(agent(), png()).status_code == 303
    other = advertiser(house, "Oak Shop")
    browser = house.signed_in(house.staff(kind="agent", sign_in="ed", party=other), "agent")
    assert browser.get(f"/advertiser/{_only(house).campaign_id}/picture").status_code == 404
    assert browser.get("/advertiser/none/picture").status_code == 404

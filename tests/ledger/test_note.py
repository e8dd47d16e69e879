"""Signed notes, checkpoints and cosignatures, against published vectors and other programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from proofbundle import checkpoint as bundle
from tlog_scales.signing import Vkey
from tlog_scales.tlog import Checkpoint as ScalesCheckpoint

from ledger.logs import COSIGNER, MOMENT, ORIGIN, OTHER, SIGNER
from ledger.wrong import EMPTY, VECTORS, flipped
from upheld.ledger import note
from upheld.ledger.checkpoint import (
    Checkpoint,
    cosign_checkpoint,
    open_checkpoint,
    parse_text,
    sign_checkpoint,
)
from upheld.ledger.note import LOG, WITNESS, Key, NoteError, parse_key, parse_note
from upheld.ledger.signers import FileSigner

PUBLISHED = json.loads((VECTORS / "signed-note.json").read_text())
STATE = Checkpoint(ORIGIN, 3, bytes(range(32)))
SIGNED = sign_checkpoint(STATE, SIGNER)
COSIGNED = cosign_checkpoint(SIGNED, COSIGNER.name, COSIGNER, MOMENT)


def test_the_published_note_is_verified_and_made_again(tmp_path: Path) -> None:
    """The key ids, the signature and the spelling are those of the reference implementation."""
    key = parse_key(PUBLISHED["key"])
    parsed = parse_note(PUBLISHED["note"].encode())
    assert [found for found, _ in parsed.verify([key])] == [key]
    assert str(parsed) == PUBLISHED["note"]
    assert str(key) == PUBLISHED["key"]
    path = tmp_path / "key"
    path.write_text(PUBLISHED["secret"])
    path.chmod(0o600)
    signer = FileSigner.open(path)
    assert str(note.sign(parsed.text, "PeterNeumann", signer)) in PUBLISHED["note"]


@pytest.mark.parametrize("name", ["checkpoint", "cosigned"])
def test_the_published_checkpoints_are_parsed(name: str) -> None:
    """The specifications' own examples are read, and written again in the same bytes."""
    parsed = parse_note(PUBLISHED[name].encode())
    assert parse_text(parsed.text).size == 20852163
    assert parse_text(parsed.text).text == parsed.text
    assert str(parsed) == PUBLISHED[name]


@pytest.mark.parametrize("at", range(len(PUBLISHED["key"])))
def test_a_key_with_one_changed_letter_is_refused(at: int) -> None:
    """The id in a key finds every slip of the pen."""
    told = PUBLISHED["key"]
    with pytest.raises(NoteError):
        parse_key(told[:at] + ("B" if told[at] != "B" else "C") + told[at + 1 :])


@pytest.mark.parametrize("told", ["", "name", "name+00000000+", "+00000000+AQ==", "a b+0+AQ=="])
def test_what_is_no_key_is_refused(told: str) -> None:
    """A name alone, no material, a name with a space: none is a key."""
    with pytest.raises(NoteError):
        parse_key(told)


@pytest.mark.parametrize("sign", [0, 0x80])
@pytest.mark.parametrize("second", [0, 1, -1, note._ORDER_8, -note._ORDER_8, 2**255 - 1])
def test_a_key_under_which_anything_is_signed_is_refused(second: int, sign: int) -> None:
    """With a point of small order, or a second spelling of one, nothing would be proven."""
    raw = bytearray(
        (second % note._FIELD if second < 2**255 - 19 else second).to_bytes(32, "little")
    )
    raw[-1] |= sign
    key = Key("example.com/log", LOG, bytes(raw))
    with pytest.raises(NoteError, match="only its owner"):
        parse_key(str(key))


def test_other_programs_take_a_note_that_nobody_signed() -> None:
    """Under the neutral point every text is signed by one signature, which is why it is refused."""
    key = Key(ORIGIN, LOG, b"\x01" + bytes(31))
    forged = note.Signature(ORIGIN, key.id, b"\x01" + bytes(63))
    signed = note.Note(STATE.text, (forged,))
    ScalesCheckpoint.from_text(str(signed)).verify(Vkey.from_string(str(key)))
    with pytest.raises(NoteError):
        parse_key(str(key))


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("nothing", b""),
        ("no signature", STATE.text.encode()),
        ("an empty list of signatures", STATE.text.encode() + b"\n"),
        ("cut at the end", str(SIGNED).encode()[:-1]),
        ("trailing newline", str(SIGNED).encode() + b"\n"),
        ("trailing bytes", str(SIGNED).encode() + b"x"),
        ("trailing line", str(SIGNED).encode() + b"x\n"),
        ("carriage return", str(SIGNED).replace("\n", "\r\n").encode()),
        ("a control character", str(SIGNED).replace("larch", "lar\x01ch").encode()),
        ("no UTF-8", str(SIGNED).encode().replace(b"larch", b"lar\xffch")),
        ("a hyphen for the dash", str(SIGNED).replace("—", "-").encode()),
        ("two spaces", str(SIGNED).replace("— ", "—  ").encode()),
        ("loose base64", str(SIGNED).replace("=\n", "\n", 1).encode()),
        ("a short signature", f"{STATE.text}\n— {ORIGIN} AAAA\n".encode()),
        ("too many signatures", (str(SIGNED) + f"{SIGNED.signatures[0]}\n" * 64).encode()),
        ("too long", b"x" * (note.NOTE_BYTES_MAX + 1)),
    ],
)
def test_what_is_no_note_is_refused(name: str, raw: bytes) -> None:
    """Every way in which bytes can nearly be a signed note is refused."""
    with pytest.raises(NoteError):
        open_checkpoint(raw, SIGNER.key)
    assert name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("two lines", f"{ORIGIN}\n3\n"),
        ("an extension line", STATE.text + "more\n"),
        ("no newline", STATE.text[:-1]),
        ("an empty origin", STATE.text.removeprefix(ORIGIN)),
        ("an origin with a space", STATE.text.replace("/", " ")),
        ("a leading zero", STATE.text.replace("\n3\n", "\n03\n")),
        ("a sign", STATE.text.replace("\n3\n", "\n+3\n")),
        ("no number", STATE.text.replace("\n3\n", "\nthree\n")),
        ("digits of another script", STATE.text.replace("\n3\n", "\n٣\n")),
        ("a size past all", STATE.text.replace("\n3\n", f"\n{2**63}\n")),
        ("a cut root", Checkpoint(ORIGIN, 3, bytes(31)).text),
        ("a longer root", Checkpoint(ORIGIN, 3, bytes(33)).text),
        ("size 0 with a root", Checkpoint(ORIGIN, 0, bytes(32)).text),
        ("a size with the empty root", Checkpoint(ORIGIN, 3, EMPTY).text),
    ],
)
def test_what_is_no_checkpoint_is_refused_though_it_is_signed(name: str, text: str) -> None:
    """A signature makes no checkpoint of another text."""
    with pytest.raises(NoteError):
        parse_text(text)
    signed = note.Note(text, (note.sign(text, ORIGIN, SIGNER),))
    with pytest.raises(NoteError):
        open_checkpoint(str(signed).encode(), SIGNER.key)
    assert name


def test_an_empty_log_has_a_checkpoint() -> None:
    """A log begins with nothing, and can say so."""
    empty = Checkpoint(ORIGIN, 0, EMPTY)
    assert open_checkpoint(str(sign_checkpoint(empty, SIGNER)).encode(), SIGNER.key) == empty


@pytest.mark.parametrize("bit", range(8))
def test_every_byte_of_a_checkpoint_counts(bit: int) -> None:
    """Whichever bit of a cosigned checkpoint is turned over, it is refused."""
    raw = str(COSIGNED).encode()
    assert open_checkpoint(raw, SIGNER.key, [COSIGNER.key]) == STATE
    for at in range(len(raw)):
        wrong = raw[:at] + bytes([raw[at] ^ (1 << bit)]) + raw[at + 1 :]
        with pytest.raises(NoteError):
            open_checkpoint(wrong, SIGNER.key, [COSIGNER.key])


def test_who_must_have_signed_is_told() -> None:
    """Another key of the same name, a missing witness, a key of the wrong kind: each is refused."""
    signed, cosigned = str(SIGNED).encode(), str(COSIGNED).encode()
    for raw, log, witnesses, told in (
        (signed, OTHER.key, [], "not signed by larch"),
        (signed, SIGNER.key, [COSIGNER.key], "not signed by witness"),
        (cosigned, COSIGNER.key, [], "a witness's key for a log's"),
        (cosigned, SIGNER.key, [SIGNER.key], "a witness's key for a log's"),
        (signed, Key("birch.example", LOG, SIGNER.public), [], "is of larch.example/acts, want b"),
    ):
        with pytest.raises(NoteError, match=told):
            open_checkpoint(raw, log, witnesses)


def test_other_programs_verify_our_checkpoints() -> None:
    """tlog-scales and proofbundle verify the signature and the cosignature that upheld makes."""
    text = str(COSIGNED)
    theirs = ScalesCheckpoint.from_text(text)
    assert (theirs.origin, theirs.size, theirs.root_hash) == (ORIGIN, 3, STATE.root)
    for key in (SIGNER.key, COSIGNER.key):
        theirs.verify(Vkey.from_string(str(key)))
    assert bundle.verify_checkpoint(text, str(SIGNER.key))["ok"]
    assert bundle.verify_cosignature(text, str(COSIGNER.key))["ok"]
    assert bundle.vkey(ORIGIN, SIGNER.public) == str(SIGNER.key)
    assert bundle.cosign_vkey(COSIGNER.name, COSIGNER.public) == str(COSIGNER.key)


def test_we_verify_a_checkpoint_of_another_program() -> None:
    """What proofbundle signs and cosigns, upheld opens."""
    signed = bundle.sign_checkpoint(ORIGIN, 3, STATE.root, SIGNER._key, ORIGIN)
    cosigned = bundle.cosign_checkpoint(signed, COSIGNER._key, COSIGNER.name, MOMENT)
    held = parse_note(cosigned.encode()).verify([SIGNER.key, COSIGNER.key])
    assert held == [(SIGNER.key, 0), (COSIGNER.key, MOMENT)]
    assert open_checkpoint(cosigned.encode(), SIGNER.key, [COSIGNER.key]) == STATE


def test_a_second_cosignature_takes_the_place_of_the_first() -> None:
    """A witness stands once below a checkpoint, with its latest time."""
    again = cosign_checkpoint(COSIGNED, COSIGNER.name, COSIGNER, MOMENT + 1)
    assert len(again.signatures) == 2
    assert again.verify([COSIGNER.key]) == [(COSIGNER.key, MOMENT + 1)]


def test_a_time_that_cannot_be_is_refused() -> None:
    """A cosignature's time is a POSIX time of 63 bits."""
    for moment in (-1, 2**63):
        with pytest.raises(NoteError, match="want one from 0"):
            cosign_checkpoint(SIGNED, COSIGNER.name, COSIGNER, moment)
    made = COSIGNED.signatures[1]
    wrong = note.Signature(made.name, made.key_id, b"\xff" + made.payload[1:])
    with pytest.raises(NoteError, match="no time that can be"):
        note.Note(STATE.text, (wrong,)).verify([COSIGNER.key])


def test_a_signer_that_errs_is_found_before_anyone_sees_it() -> None:
    """A signature that does not fit is an error of whoever signs, not of whoever verifies."""

    class Erring:
        public = SIGNER.public

        def sign(self, message: bytes) -> bytes:
            """A wrong signature."""
            return flipped(SIGNER.sign(message))

    with pytest.raises(NoteError, match="the signature of the signer"):
        sign_checkpoint(STATE, Erring())


@pytest.mark.parametrize(
    "name", ["", "two words", "a+b", "tab\tbed", "nbsp\u00a0x", " x", "a\u2028b"]
)
def test_a_name_that_could_not_stand_in_a_note_is_refused(name: str) -> None:
    """A key's name has neither spaces of any script nor a plus."""
    with pytest.raises(NoteError):
        FileSigner(name, WITNESS, bytes(32))

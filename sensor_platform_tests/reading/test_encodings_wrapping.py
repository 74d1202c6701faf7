"""Compressed payloads, and character sets."""

import gzip
import zlib

import pytest

from sensor_platform.reading.contract import Contract
from sensor_platform.reading.encodings import UndecodableError
from sensor_platform.reading.encodings.wrapping import MAX_BYTES, Compression, charset_error, inflated
from sensor_platform.reading.model import Envelope, Reading
from sensor_platform_tests.reading.conftest import LIMITS, NOW
from sensor_platform_tests.reading.single_message import decode_message

TEXT = b'{"t":1}'
_RAW = zlib.compressobj(wbits=-15)
RAW = _RAW.compress(TEXT) + _RAW.flush()


@pytest.mark.parametrize(
    ("compression", "payload"),
    [
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("gzip", gzip.compress(TEXT[:3], mtime=0) + gzip.compress(TEXT[3:], mtime=0)),
        ("gzip", gzip.compress(TEXT, mtime=0) + b"\0\0"),
        ("zlib", zlib.compress(TEXT)),
        ("deflate", RAW),
    ],
)
def test_a_compressed_payload_is_its_content(compression: Compression, payload: bytes) -> None:
    assert inflated(payload, compression) == TEXT


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (TEXT, "not gzip"),
        (gzip.compress(TEXT, mtime=0)[:-3], "cut off"),
        (gzip.compress(TEXT, mtime=0) + b"more", "not gzip"),
        (gzip.compress(b"\0" * (MAX_BYTES + 1), 1, mtime=0), "more than"),
    ],
    ids=["plain", "cut off", "more behind it", "too large"],
)
def test_what_is_not_compressed_like_this_is_refused(payload: bytes, reason: str) -> None:
    with pytest.raises(UndecodableError, match=reason):
        inflated(payload, "gzip")


@pytest.mark.parametrize(
    ("charset", "word"), [("latin-1", "Öl"), ("utf-16", "Öl"), ("cp1252", "€"), ("shift_jis", "水")]
)
def test_a_contract_states_the_character_set(charset: str, word: str) -> None:
    payload = gzip.compress(f'{{"unit":"{word}","id":89314404000123456781,"t":1}}'.encode(charset))
    made = Contract(name="c", topic="#", charset=charset, compression="gzip")
    (reading,) = decode_message((made,), Envelope("d", payload, NOW, "s", 0), LIMITS)
    assert isinstance(reading, Reading)
    assert (reading.unit, reading.device_id) == (word, "89314404000123456781")


def test_only_character_sets_of_texts_are_known() -> None:
    assert charset_error("latin-1") is None
    assert charset_error("nonsense") is not None
    assert charset_error("base64") is not None

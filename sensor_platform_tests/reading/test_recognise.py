"""What a refused payload looks like."""

import gzip
import zlib

import pytest

from sensor_platform.reading.contract import DEFAULT_CONTRACT
from sensor_platform.reading.model import Envelope, Rejected
from sensor_platform_tests.reading.conftest import LIMITS, NOW
from sensor_platform_tests.reading.single_message import decode_message


@pytest.mark.parametrize(
    ("topic", "payload", "key"),
    [
        ("a/b", b"m,host=a v=1 1735640000000000000", "encoding: influx"),
        ("a/b", b'm v=1.5,s="a b" 17\nm,x=y v=2i', "encoding: influx"),
        ("a/b", b"ts,temp\n1,2\n", "encoding: csv"),
        ("a/b", b"2024-12-31 10:00:00;21.5;40", "encoding: csv"),
        ("a/b", b"ON", "encoding: plain"),
        ("a/b", b"21.5", "encoding: plain"),
        ("a/b", b"21.5 \xc2\xb0C", "encoding: plain"),
        ("a/b", b"online", "encoding: plain"),
        ("spBv1.0/g/NDATA/n", b"\x08\x01\x12", "encoding: sparkplug"),
        ("a/b", gzip.compress(b'{"t":1}', mtime=0), "compression: gzip"),
        ("a/b", zlib.compress(b'{"t":1}'), "compression: zlib"),
        ("a/b", '{"t":"ö"}'.encode("latin-1"), "charset: latin-1"),
        ("a/b", '{"t":"ö"}'.encode("utf-16-le"), "charset: utf-16"),
        ("a/b", b'[{"bn":"urn:x:","n":"t","v":1}]', "encoding: senml"),
        ("a/b", b'[{"n":"t","v":1}]', "encoding: senml"),
        ("a/b", b'"{\\"t\\":1}"', "json_in_json"),
    ],
)
def test_the_hint_names_the_key_that_reads_it(topic: str, payload: bytes, key: str) -> None:
    (found,) = decode_message((DEFAULT_CONTRACT,), Envelope(topic, payload, NOW, "s", 0), LIMITS)
    assert isinstance(found, Rejected)
    assert key in found.hint + found.reason


@pytest.mark.parametrize("payload", [b'{"t":1', b"{}{}", b"[" * 50])
def test_what_is_broken_json_is_not_taken_for_something_else(payload: bytes) -> None:
    (found,) = decode_message((DEFAULT_CONTRACT,), Envelope("a/b", payload, NOW, "s", 0), LIMITS)
    assert isinstance(found, Rejected)
    assert "looks like" not in found.hint

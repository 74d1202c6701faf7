"""An encoding is a module and a line in the table: a toy one is accepted, decoded, inferred and documented by it."""

from collections.abc import Iterator

import msgspec
import pytest
import yaml

from sensor_platform.contracts.infer import infer
from sensor_platform.reading.contract import Contract
from sensor_platform.reading.encodings import ENCODINGS, Encoding, PayloadDecoder, UndecodableError
from sensor_platform.reading.model import Envelope, Reading, Rejected
from sensor_platform_tests.reading.conftest import LIMITS, NOW
from sensor_platform_tests.reading.single_message import decode_message


def from_pairs(payload: bytes) -> object:
    """`!id=a|t=21.5` as an object."""
    text = payload.decode(errors="replace")
    if not text.startswith("!"):
        raise UndecodableError("not pairs: the exclamation mark is missing")
    pairs = dict(part.partition("=")[::2] for part in text[1:].split("|"))
    return {key: float(value) if value.replace(".", "").isdigit() else value for key, value in pairs.items()}


PAIRS = Encoding(lambda _: PayloadDecoder.of(from_pairs))


@pytest.fixture(autouse=True)
def with_pairs() -> Iterator[None]:
    """The line in the table, before `plain`, which takes any text. The order of the table counts."""
    known = dict(ENCODINGS)
    ENCODINGS.clear()
    ENCODINGS.update({"pairs": PAIRS, **known})
    yield
    ENCODINGS.clear()
    ENCODINGS.update(known)


def test_its_messages_become_readings_and_reasons() -> None:
    contract = msgspec.convert(yaml.safe_load("{name: toys, topic: 'toys/#', encoding: pairs}"), Contract)
    good, bad = (
        decode_message((contract,), Envelope("toys/x", payload, NOW, "seg", 0), LIMITS)
        for payload in (b"!id=a|t=21.5|state=on", b"id=a")
    )
    assert [(r.device_id, r.metric, r.value, r.text) for r in good if isinstance(r, Reading)] == [
        ("a", "state", None, "on"),
        ("a", "t", 21.5, None),
    ]
    assert [(r.rule, r.reason) for r in bad if isinstance(r, Rejected)] == [
        ("undecodable", "not pairs: the exclamation mark is missing")
    ]


def test_it_is_inferred_from_traffic() -> None:
    found = infer("toys", "toys/#", [("toys/x", b"!id=a|t=%d" % number) for number in range(20)])
    assert found.contract.encoding == "pairs"
    assert found.contract.device.field == ("id",)


def test_an_encoding_that_is_not_in_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="encoding: 'morse' is not one of pairs, json, "):
        Contract(name="x", topic="#", encoding="morse")

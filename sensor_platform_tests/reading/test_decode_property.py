"""Whatever arrives, every message gets a fate, and its fate does not depend on its company."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.kernel.clock import to_micros, utc_from_micros
from sensor_platform.reading.batch import Decoded, MessageBatch, TimeLimits
from sensor_platform.reading.contract import Contract, TimeSource, ValueSource
from sensor_platform.reading.decode import Decoder
from sensor_platform.reading.model import Envelope, Reading, Rejected
from sensor_platform.reading.reject_rules import HINTS
from sensor_platform_tests.reading.single_message import decode_message

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LIMITS = TimeLimits(start=to_micros(datetime(2010, 1, 1, tzinfo=UTC)), max_future=3_600_000_000)
CONTRACTS = (
    Contract(name="json", topic="j/#", encoding="json_in_json", tags={"p": ValueSource(field=("p",), topic_level=0)}),
    Contract(name="long", topic="l/+", layout="long", rename={"t": "x"}, strings="number"),
    Contract(name="wide", topic="w/+", layout="wide", metrics=("t", "u"), unknown_fields="quarantine", ignore=("a",)),
    Contract(name="need", topic="n/#", required_metrics=("t",), time=TimeSource(required=True)),
    Contract(name="default", topic="+/+"),
)
TOPICS = st.sampled_from(["j/a", "l/a", "w/a", "n/a", "d/a", "d/", "no/contract/here"])
KEYS = st.sampled_from(
    ["id", "sensorId", "ts", "time", "seq", "metric", "value", "unit", "quality", "samples", "p", "t", "u", "a", ""]
)
TIMES = st.one_of(st.just(1_772_366_000), st.just("2026-03-01T00:00:00"), st.integers(), st.just("soon"))
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=3), TIMES)
OBJECTS = st.recursive(
    st.dictionaries(KEYS, LEAVES, max_size=6),
    lambda inner: st.dictionaries(
        KEYS, st.one_of(LEAVES, inner, st.lists(st.one_of(inner, LEAVES), max_size=3)), max_size=5
    ),
    max_leaves=6,
)


def as_json(value: Any) -> bytes:
    """JSON as Python's own writer makes it, with NaN and integers of any size."""
    import json

    return json.dumps(value).encode()


PAYLOADS = st.one_of(
    OBJECTS.map(as_json),
    st.lists(OBJECTS, max_size=2).map(as_json),
    LEAVES.map(as_json),
    OBJECTS.map(as_json).map(lambda text: orjson.dumps(text.decode("latin-1"))),
    st.binary(max_size=30),
    OBJECTS.map(as_json).map(lambda text: text[:-1]),
)
MESSAGES = st.lists(st.tuples(TOPICS, PAYLOADS), max_size=12)
CONTRACT_SETS = st.sampled_from([CONTRACTS, (CONTRACTS[4],), (CONTRACTS[0], CONTRACTS[2])])


def decode_all(decoder: Decoder, messages: Sequence[tuple[str, bytes]]) -> Decoded:
    topics, payloads = [topic for topic, _ in messages], [payload for _, payload in messages]
    return decoder.decode(MessageBatch(topics, payloads, [to_micros(NOW)] * len(messages)))


@settings(max_examples=400, deadline=None)
@given(MESSAGES, CONTRACT_SETS)
def test_every_message_has_a_reading_or_a_refusal_and_never_an_exception(
    messages: list[tuple[str, bytes]], contracts: tuple[Contract, ...]
) -> None:
    decoded = decode_all(Decoder(contracts, LIMITS), messages)
    with_reading = {decoded.records.message[record] for block in decoded.blocks for record in block.record}
    refused = {index for index, _ in decoded.rejected}
    assert with_reading | refused == set(range(len(messages)))
    assert {index for index, flag in enumerate(decoded.has_reading) if flag} == with_reading
    for _, why in decoded.rejected:
        assert why.rule in HINTS
        assert why.reason
        why.reason.encode()


@settings(max_examples=300, deadline=None)
@given(MESSAGES, CONTRACT_SETS)
def test_a_message_becomes_the_same_alone_and_in_company(
    messages: list[tuple[str, bytes]], contracts: tuple[Contract, ...]
) -> None:
    together = by_message(decode_all(Decoder(contracts, LIMITS), messages), len(messages))
    for number, (topic, payload) in enumerate(messages):
        alone = decode_message(contracts, Envelope(topic, payload, NOW, "s", 0), LIMITS)
        expected = sorted(map(repr, (facts(item) for item in alone)))
        assert sorted(map(repr, together[number])) == expected


@settings(max_examples=100, deadline=None)
@given(MESSAGES)
def test_a_decoder_remembers_nothing_that_changes_a_result(messages: list[tuple[str, bytes]]) -> None:
    decoder = Decoder(CONTRACTS, LIMITS)
    first = by_message(decode_all(decoder, messages), len(messages))
    again = by_message(decode_all(decoder, messages), len(messages))
    assert list(map(repr, first)) == list(map(repr, again))


def facts(item: Reading | Rejected) -> tuple[object, ...]:
    if isinstance(item, Rejected):
        return ("refused", item.rule, item.reason, item.device_id, item.metric)
    tags = tuple(item.tags.items())
    return (
        item.device_id,
        item.metric,
        item.event_at,
        item.value,
        item.text,
        item.unit,
        item.quality,
        tags,
        item.message_id,
    )


def by_message(decoded: Decoded, count: int) -> list[list[tuple[object, ...]]]:
    found: list[list[tuple[object, ...]]] = [[] for _ in range(count)]
    for index, why in decoded.rejected:
        found[index].append(facts(why))
    records = decoded.records
    for block in decoded.blocks:
        for row, record in enumerate(block.record):
            found[records.message[record]].append(
                (
                    records.device_id[record],
                    block.metric if isinstance(block.metric, str) else block.metric[row],
                    utc_from_micros(records.event_at[record]),
                    None if block.value is None else block.value[row],
                    None if block.text is None else block.text[row],
                    records.unit[record] if block.is_described else None,
                    records.quality[record] if block.is_described else None,
                    decoded.tag_sets[records.tags[record]],
                    records.message_id[record],
                )
            )
    return found

"""Which redeliveries are duplicates: the truth table, and the memory of a session against a slow and obvious one."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.collect.mqtt import redelivery as recent_module
from sensor_platform.collect.mqtt.packets import scan
from sensor_platform.collect.mqtt.redelivery import RedeliveryDetector, redelivery_flag
from sensor_platform.reading.model import EnvelopeFlag

Publish = Callable[..., bytes]
NONE, DUPLICATE, SUSPECT = EnvelopeFlag.NONE, EnvelopeFlag.DUPLICATE, EnvelopeFlag.SUSPECT


@pytest.mark.parametrize(
    ("dup", "qos", "present", "unreleased", "same", "recycling", "flag"),
    [
        # a first delivery is never anything else, whatever came before under its packet id
        (False, 1, True, False, True, False, NONE),
        (False, 1, False, False, False, False, NONE),
        (False, 2, True, False, True, False, NONE),
        # the broker's dup bit alone means nothing
        (True, 1, True, False, False, False, SUSPECT),
        (True, 1, False, False, False, False, SUSPECT),
        # it is ours only if the session went on and the newest record of that packet id is the same message
        (True, 1, True, False, True, False, DUPLICATE),
        (True, 1, False, False, True, False, SUSPECT),
        # where packet ids come again for new messages, equal bytes prove nothing
        (True, 1, True, False, True, True, SUSPECT),
        # QoS 2: until its PUBREL a packet id is one message, unless the broker has lost its last seconds
        (True, 2, True, True, True, True, DUPLICATE),
        (True, 2, True, True, False, False, SUSPECT),
        (True, 2, True, False, True, False, DUPLICATE),
        (True, 2, True, False, False, False, SUSPECT),
        # a broker that reuses an unreleased id for a first delivery breaks the protocol: keep the message, and say so
        (False, 2, True, True, False, False, SUSPECT),
    ],
)
def test_truth_table(
    dup: bool, qos: int, present: bool, unreleased: bool, same: bool, recycling: bool, flag: EnvelopeFlag
) -> None:
    assert flag == redelivery_flag(
        is_dup=dup,
        qos=qos,
        is_session_present=present,
        is_unreleased=unreleased,
        is_same=same,
        is_recycling=recycling,
    )


class Feed:
    """A session memory that is fed with packets."""

    def __init__(self, publish: Publish, limit: int = 100, level: int = 4) -> None:
        self.redelivery = RedeliveryDetector(limit)
        self.redelivery.forget("s")
        self.publish = publish
        self.level = level
        self.present = True

    def take(self, *packets: bytes) -> list[tuple[int, int]]:
        raw = b"".join(packets)
        run = scan(raw, 0, self.level)
        assert run.end == len(raw)
        return self.redelivery.flags(raw, run, self.level, is_session_present=self.present)

    def one(self, payload: bytes, packet_id: int, *, dup: bool = False, qos: int = 1, topic: bytes = b"t") -> int:
        flags = self.take(self.publish(topic, payload, packet_id=packet_id, dup=dup, qos=qos, level=self.level))
        return dict(flags).get(0, 0)


@pytest.fixture
def feed(publish_packet: Publish) -> Feed:
    return Feed(publish_packet)


def test_a_redelivery_of_what_we_have_is_a_duplicate(feed: Feed) -> None:
    feed.one(b"a", 1)
    feed.one(b"b", 2)
    assert feed.one(b"b", 2, dup=True) == DUPLICATE
    assert feed.one(b"c", 3, dup=True) == SUSPECT
    assert feed.one(b"c", 3, dup=True) == DUPLICATE, "a second redelivery finds the first"


def test_the_same_bytes_on_another_topic_are_another_message(feed: Feed) -> None:
    feed.one(b"a", 1)
    assert feed.one(b"a", 1, dup=True, topic=b"u") == SUSPECT


def test_topic_and_payload_are_compared_apart(feed: Feed) -> None:
    feed.one(b"bc", 1, topic=b"a")
    assert feed.one(b"c", 1, dup=True, topic=b"ab") == SUSPECT


def test_only_the_newest_record_of_a_packet_id_counts(feed: Feed) -> None:
    feed.one(b"old", 1)
    feed.one(b"new", 1, dup=True)
    assert feed.one(b"old", 1, dup=True) == SUSPECT


def test_a_record_further_back_than_the_limit_proves_nothing(publish_packet: Publish) -> None:
    feed = Feed(publish_packet, limit=10)
    feed.one(b"a", 1)
    for number in range(2, 11):
        feed.one(b"x", number)
    assert feed.one(b"a", 1, dup=True) == DUPLICATE
    for number in range(20, 30):
        feed.one(b"x", number)
    assert feed.one(b"a", 1, dup=True) == SUSPECT


def test_a_new_session_remembers_nothing(feed: Feed) -> None:
    feed.one(b"a", 1)
    feed.redelivery.forget("other")
    assert feed.one(b"a", 1, dup=True) == SUSPECT


def test_a_broker_that_recycles_packet_ids_quickly_is_never_believed(feed: Feed) -> None:
    feed.one(b"same", 1)
    feed.one(b"same", 1)
    assert feed.one(b"same", 1, dup=True) == SUSPECT


def test_qos_2_is_a_duplicate_until_it_is_released(feed: Feed) -> None:
    feed.one(b"a", 5, qos=2)
    assert feed.one(b"a", 5, qos=2, dup=True) == DUPLICATE
    feed.take(b"\x62\x02\x00\x05")
    assert feed.redelivery.unreleased == set()
    feed.one(b"b", 5, qos=2)
    assert feed.redelivery.unreleased == {5}


@pytest.mark.parametrize("topic", [b"t", b"u"])
def test_another_message_under_an_unreleased_id_is_kept(feed: Feed, topic: bytes) -> None:
    feed.one(b"a", 5, qos=2)
    payload = b"b" if topic == b"t" else b"a"
    assert feed.one(payload, 5, qos=2, dup=True, topic=topic) == SUSPECT
    assert feed.one(payload, 5, qos=2, dup=True, topic=topic) == DUPLICATE, "its own redelivery is recognised"


def test_a_release_in_the_same_read_counts_in_its_place(feed: Feed) -> None:
    first = feed.publish(b"t", b"a", packet_id=5, qos=2)
    again = feed.publish(b"t", b"a", packet_id=5, qos=2, dup=True)
    assert feed.take(first, again) == [(1, DUPLICATE)]
    feed.redelivery.forget("s")
    other = feed.publish(b"t", b"b", packet_id=5, qos=2, dup=True)
    assert feed.take(first, b"\x62\x02\x00\x05", other) == [(1, SUSPECT)]


def test_duplicates_are_found_among_messages_of_any_kind_in_one_read(feed: Feed) -> None:
    feed.one(b"b", 2)
    packets = [
        feed.publish(b"t", b"zero", qos=0),
        feed.publish(b"t", b"c", packet_id=3),
        feed.publish(b"t", b"b", packet_id=2, dup=True),
        b"\x62\x02\x00\x09",
        feed.publish(b"t", b"c", packet_id=3, dup=True),
    ]
    assert feed.take(*packets) == [(2, DUPLICATE), (3, DUPLICATE)]


def test_large_messages_are_remembered_as_digests_and_still_recognised(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent_module, "_MAX_RAW_BYTES", 10_000)
    for number in range(1, 31):
        feed.one(bytes([number]) * 2000, number)
    assert feed.redelivery._raw_bytes <= 10_000
    assert all(feed.one(bytes([number]) * 2000, number, dup=True) == DUPLICATE for number in range(1, 31))


def test_best_effort_messages_are_not_remembered_at_all(feed: Feed) -> None:
    for _ in range(1000):
        feed.take(feed.publish(b"t", b"x" * 100, qos=0))
    assert feed.redelivery._raw_bytes == 0


class Obvious:
    """The rule as the design says it, over a plain list."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.records: list[tuple[int, bytes, bool]] = []

    def flag(self, packet_id: int, payload: bytes, *, dup: bool) -> int:
        window = self.records[-self.limit :]
        self.records.append((packet_id, payload, dup))
        if not dup:
            return NONE
        newest = next((r for r in reversed(window) if r[0] == packet_id), None)
        is_recycling = any(
            not later[2] and later[0] == earlier[0] for earlier, later in itertools.combinations(window, 2)
        )
        return SUSPECT if newest is None or newest[1] != payload or is_recycling else DUPLICATE


steps = st.lists(
    st.lists(st.tuples(st.integers(1, 12), st.sampled_from([b"a", b"b"]), st.booleans()), min_size=1, max_size=5),
    max_size=20,
)


@given(steps, st.integers(1, 8), st.sampled_from([4, 5]))
@settings(deadline=None)
def test_the_memory_agrees_with_the_rule_over_a_plain_list(
    publish_packet: Publish, reads: list[list[tuple[int, bytes, bool]]], limit: int, level: int
) -> None:
    feed, obvious = Feed(publish_packet, limit, level), Obvious(limit)
    for read in reads:
        packets = [publish_packet(b"t", payload, packet_id=n, dup=dup, level=level) for n, payload, dup in read]
        expected: list[Any] = [obvious.flag(n, payload, dup=dup) for n, payload, dup in read]
        assert feed.take(*packets) == [(index, flag) for index, flag in enumerate(expected) if flag]


packet_steps = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from([b"a", b"b"]), st.sampled_from([1, 2]), st.booleans(), st.booleans()),
    max_size=40,
)


@given(packet_steps, st.integers(1, 8), st.integers(1, 5))
@settings(deadline=None)
def test_a_duplicate_always_has_the_content_of_a_message_before_it(
    publish_packet: Publish, steps: list[tuple[int, bytes, int, bool, bool]], limit: int, size: int
) -> None:
    """Whatever ids a broker uses, releases or forgets: (id, payload, QoS, dup, whether a PUBREL of the id follows)."""
    feed = Feed(publish_packet, limit)
    taken: list[tuple[int, bytes]] = []
    for begin in range(0, len(steps), size):
        read = steps[begin : begin + size]
        packets = [
            publish_packet(b"t", payload, packet_id=n, dup=dup, qos=qos)
            + (bytes((0x62, 2, 0, n)) if is_released else b"")
            for n, payload, qos, dup, is_released in read
        ]
        base = len(taken)
        taken += [(n, payload) for n, payload, *_ in read]
        for index, flag in feed.take(*packets):
            assert flag != DUPLICATE or taken[base + index] in taken[: base + index]

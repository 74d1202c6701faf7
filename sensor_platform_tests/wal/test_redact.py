"""A blanked message leaves its segment as it was, but for what it said."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.home import Home
from sensor_platform.kernel.clock import utc_from_micros
from sensor_platform.reading.model import Envelope, EnvelopeFlag
from sensor_platform.wal import archive_redacted, archive_segment, is_blanked, open_segment, read_batches, read_frames
from sensor_platform.wal.frames import BatchFacts, Header, encode_header, encode_mqtt, encode_records
from sensor_platform.wal.mqtt_packet import encode_publish, encode_text, encode_varint
from sensor_platform_tests.landing.homes import Message, seal_segment

MESSAGE = st.builds(
    Message,
    st.binary(max_size=40),
    st.sampled_from(["a/b", "plant/7/x", "ü"]),
    st.sampled_from([EnvelopeFlag.NONE, EnvelopeFlag.DUPLICATE]),
    st.integers(0, 2),
    st.booleans(),
)


def read(path: Path) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for batch in read_batches(path):
        rows = zip(batch.topics, batch.payloads, batch.received_at, batch.heads, batch.packet_ids, strict=True)
        found += [(*row, batch.flags.get(index), batch.end) for index, row in enumerate(rows)]
    return found


@settings(max_examples=60, deadline=None)
@given(messages=st.lists(MESSAGE, min_size=1, max_size=12), chosen=st.sets(st.integers(0, 11)))
def test_places_lengths_times_and_flags_stay(
    tmp_path_factory: pytest.TempPathFactory, messages: list[Message], chosen: set[int]
) -> None:
    home = Home(tmp_path_factory.mktemp("home"))
    home.wal.mkdir()
    sealed = seal_segment(home, 1, messages)
    whole, blanked, again = (home.root / f"{name}.zst" for name in ("whole", "blanked", "again"))
    archive_segment(sealed, whole)
    archive_redacted(sealed, blanked, chosen)
    for position, (before, after) in enumerate(zip(read(whole), read(blanked), strict=True)):
        assert before[2:] == after[2:]
        assert len(str(before[0]).encode()) == len(str(after[0]).encode())
        assert len(before[1]) == len(after[1])  # type: ignore[arg-type]
        if position in chosen:
            assert is_blanked(str(after[0]))
            assert not any(after[1])  # type: ignore[arg-type]
        else:
            assert before == after
    assert [(each.kind, each.end) for each in read_frames(whole)] == [
        (each.kind, each.end) for each in read_frames(blanked)
    ]
    archive_redacted(blanked, again, chosen)
    assert again.read_bytes() == blanked.read_bytes()


def test_properties_of_mqtt_5_and_records_are_blanked(tmp_path: Path) -> None:
    pair = b"\x26" + encode_text(b"device") + encode_text(b"secret-7")
    packet = encode_publish(0x32, b"t/secret-7", 9, b'{"id": "secret-7"}', encode_varint(len(pair)) + pair)
    record = Envelope(
        topic="t/secret-7",
        payload=b"secret-7",
        received_at=utc_from_micros(5),
        qos=0,
        retain=False,
        dup=False,
        packet_id=0,
        session="",
        segment="",
        position=0,
        flags=EnvelopeFlag.NONE,
        content_type="secret-7",
        user_properties=(("secret-7", "secret-7"),),
        key=b"secret-7",
        partition=1,
        offset=2,
    )
    facts = BatchFacts(received_at=5, session="s", is_session_present=False, level=5, messages=1)
    data = encode_header(Header(segment="x", created_at=1)) + encode_mqtt(facts, [packet]) + encode_records([record])
    sealed, target = tmp_path / "x.wal", tmp_path / "x.zst"
    sealed.write_bytes(data)
    archive_redacted(sealed, target, {0, 1})
    with open_segment(target) as file:
        content = file.read()
    assert len(content) == len(data)
    assert b"secret" not in content
    first, second = read_batches(target)
    assert (first.packet_ids, is_blanked(first.topics[0]), is_blanked(second.topics[0])) == ([9], True, True)
    assert second.extras[0].offset == 2

"""Which records of Kafka count as repeats: after a kill, after a lost file, after a topic was made anew."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sensor_platform.collect.config import KafkaSettings
from sensor_platform.collect.kafka.offsets import TIMESTAMP_HEADER, StoredOffsets, judge, load_stored_offsets
from sensor_platform.collect.kafka.partition_progress import PartitionProgress
from sensor_platform.home import Home
from sensor_platform.reading.model import Envelope, EnvelopeFlag
from sensor_platform.wal import Header, encode_records
from sensor_platform.wal.segment_writer import SegmentWriter

PLACE = ("t", 0)


def test_a_record_that_comes_again_is_a_repeat_and_a_new_one_is_not() -> None:
    offsets = StoredOffsets(Path("unused"))
    assert [offsets.is_new("t", 0, n, 1000 + n) for n in (0, 1, 1, 0, 5, 1)] == [True, True, False, False, True, False]
    assert offsets.is_new("t", 1, 0, 1000)


def test_records_of_a_topic_that_was_created_again_are_not_repeats(caplog: pytest.LogCaptureFixture) -> None:
    offsets = StoredOffsets(Path("unused"), {PLACE: PartitionProgress(500, 9_000)})
    assert [offsets.is_new("t", 0, n, 10_000 + n) for n in range(3)] == [True] * 3
    assert "made again" in caplog.text
    assert not offsets.is_new("t", 0, 1, 10_001)


def test_records_without_a_time_are_known_by_their_offset_alone() -> None:
    offsets = StoredOffsets(Path("unused"), {PLACE: PartitionProgress(3, -1)})
    assert [offsets.is_new("t", 0, n, -1) for n in (2, 3)] == [False, True]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.wal.mkdir()
    return home


def write(home: Home, seq: int, offsets: range) -> str:
    name = f"c-1700000000000-{seq:08d}"
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    writer = SegmentWriter(home.wal, Header(segment=name, created_at=0))
    envelopes = [
        Envelope("t", b"1", moment, "", 0, user_properties=((TIMESTAMP_HEADER, str(o)),), partition=0, offset=o)
        for o in offsets
    ]
    writer.append([encode_records(envelopes)])
    writer.commit()
    writer.seal()
    return name


def test_after_a_kill_the_file_and_the_newer_segments_say_what_is_known(home: Home) -> None:
    first = write(home, 1, range(10))
    offsets = load_stored_offsets(home, "c")
    assert offsets.known == {PLACE: PartitionProgress(10, 9)}
    offsets.save(first)
    write(home, 2, range(10, 14))
    assert load_stored_offsets(home, "c").known == {PLACE: PartitionProgress(14, 13)}
    offsets.path.unlink()
    assert load_stored_offsets(home, "c").known == {PLACE: PartitionProgress(14, 13)}, (
        "a lost file is made up for by the segments"
    )
    offsets.path.write_text("{")
    assert load_stored_offsets(home, "c").known == {PLACE: PartitionProgress(14, 13)}, "and so is a torn one"


def test_after_a_kill_the_records_before_the_file_are_known_by_their_times(home: Home) -> None:
    offsets = load_stored_offsets(home, "c")
    offsets.save(write(home, 1, range(10)))
    write(home, 2, range(10, 14))
    again = load_stored_offsets(home, "c")
    assert [again.is_new("t", 0, n, n) for n in (8, 12, 13, 14)] == [False, False, False, True]
    assert judge(PLACE, again.of(*PLACE), 8, 99) == EnvelopeFlag.NONE, "another record under this offset"


def test_after_a_kill_a_topic_that_was_made_again_stays_the_new_one(home: Home) -> None:
    offsets = load_stored_offsets(home, "c")
    write(home, 1, range(100))
    offsets = load_stored_offsets(home, "c")
    offsets.save("c-1700000000000-00000001")
    write(home, 2, range(5))  # made again: it begins at 0
    again = load_stored_offsets(home, "c")
    assert again.known == {PLACE: PartitionProgress(5, 4)}
    assert [again.is_new("t", 0, n, n) for n in (3, 4, 5, 50)] == [False, False, True, True]


def test_segments_of_others_do_not_count(home: Home) -> None:
    write(home, 1, range(10))
    assert load_stored_offsets(home, "other").known == {}


def test_a_secret_in_the_site_folder_is_refused() -> None:
    with pytest.raises(ValueError, match=r"sasl\.password is a secret"):
        KafkaSettings(options=("sasl.password=x",))

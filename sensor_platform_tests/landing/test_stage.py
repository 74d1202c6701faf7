"""One segment, decoded and written, and not yet visible."""

import polars as pl

from sensor_platform.home import Home
from sensor_platform.landing.ledger import read_ledger
from sensor_platform.landing.record_batches import SegmentReader
from sensor_platform.landing.retained_repeats import RetainedRepeats
from sensor_platform.landing.stage import Stage, stage_segment
from sensor_platform_tests.landing.homes import HOUR, T0, Message, seal_segment
from sensor_platform_tests.landing.pieces import decoder

MESSAGES = [Message(b'{"id":"a","t":1,"h":2}'), Message(b"\x00"), Message(b'{"id":"a","t":"warm"}')]


def test_the_manifest_says_what_was_written(home: Home) -> None:
    sealed = seal_segment(home, 1, MESSAGES)
    manifest = stage_segment(home, sealed, decoder(), "v1", 600_000_000, lambda: T0 + HOUR)
    assert (manifest.segment, manifest.written_at, manifest.contract_version) == (sealed.stem, T0 + HOUR, "v1")
    assert (manifest.messages, manifest.landed, manifest.quarantined, manifest.readings) == (3, 2, 1, 3)
    assert {entry.kind: entry.rows for entry in manifest.files} == {"landing": 3, "quarantine": 1, "raw": 0}
    assert all((home.root / entry.file).stat().st_size == entry.bytes for entry in manifest.files)
    assert manifest.arrivals == {T0: 3}
    assert [(each.metric, each.was, each.now) for each in manifest.drift] == [("t", "integer", "text")]
    assert sealed.exists()
    with read_ledger(home) as ledger:
        assert ledger is None


def test_a_second_time_the_same_files_are_written_again(home: Home) -> None:
    sealed = seal_segment(home, 1, MESSAGES)
    first = stage_segment(home, sealed, decoder(), "v1", 600_000_000, lambda: T0 + HOUR)
    again = stage_segment(home, sealed, decoder(), "v1", 600_000_000, lambda: T0 + HOUR)
    assert again == first
    other = stage_segment(home, sealed, decoder(), "v1", 600_000_000, lambda: T0 + HOUR, suffix="~5")
    assert {entry.kind for entry in other.files} == {"landing", "quarantine"}
    (landing,) = [home.root / entry.file for entry in other.files if entry.kind == "landing"]
    assert landing.name.endswith("~5.parquet")
    assert len(pl.read_parquet(landing)) == 3


def test_damaged_bytes_are_put_aside(home: Home) -> None:
    sealed = seal_segment(home, 1, MESSAGES, batch=1)
    content = bytearray(sealed.read_bytes())
    content[content.index(b"warm")] ^= 1
    sealed.write_bytes(content)
    manifest = stage_segment(home, sealed, decoder(), "v1", 600_000_000, lambda: T0 + HOUR)
    ((start, size),) = [(found.start, found.bytes) for found in manifest.damage]
    (kept,) = (home.root / "aside").iterdir()
    assert kept.read_bytes() == bytes(content[start : start + size])
    assert manifest.messages == 2


def test_a_segment_is_decoded_whole(home: Home) -> None:
    stage = Stage("seg")
    stage.decode(SegmentReader(seal_segment(home, 1, MESSAGES)), decoder(), RetainedRepeats(home, "seg", 600_000_000))
    assert (stage.first_received_at, len(stage.rejects)) == (T0, 1)
    assert sum(row.received for row in stage.outcomes.counts()) == 3

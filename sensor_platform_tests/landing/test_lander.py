"""Sealed segments become visible once, oldest first."""

import zlib

from sensor_platform.home import Home
from sensor_platform.landing.lander import Lander
from sensor_platform.landing.ledger import read_ledger, totals
from sensor_platform.landing.ledger.manifest import manifest_path, read_manifest
from sensor_platform_tests.landing.homes import HOUR, T0, Message, lander_of, seal_segment

GOOD = Message(b'{"id":"a","t":1}')


def landed(home: Home) -> int:
    with read_ledger(home) as ledger:
        assert ledger is not None
        return totals(ledger).landed


def test_segments_are_landed_oldest_first_and_their_wal_goes(home: Home) -> None:
    for seq in (2, 1):
        seal_segment(home, seq, [GOOD] * seq)
    with lander_of(home) as lander:
        assert isinstance(lander, Lander)
        manifests = list(lander.land_sealed())
        assert list(lander.land_sealed()) == []
    assert [manifest.messages for manifest in manifests] == [1, 2]
    assert [read_manifest(manifest_path(home, each.segment)) for each in manifests] == manifests
    assert manifests[0].written_at < manifests[1].written_at, "though the clock stands still"
    assert list(home.wal.glob("*.wal")) == []
    assert landed(home) == 3


def test_a_segment_that_the_ledger_knows_is_not_landed_twice(home: Home) -> None:
    sealed = seal_segment(home, 1, [GOOD])
    content = sealed.read_bytes()
    with lander_of(home) as lander:
        first = lander.land(sealed)
        sealed.write_bytes(content)
        assert lander.land(sealed) == first
    assert (landed(home), sealed.exists()) == (1, False)


def test_files_that_a_kill_harmed_are_made_again(home: Home) -> None:
    sealed = seal_segment(home, 1, [GOOD])
    content = sealed.read_bytes()
    with lander_of(home) as lander:
        lander.land(sealed)
        (file,) = home.landing.glob("*/*.parquet")
        whole = file.read_bytes()
        file.write_bytes(b"torn")
        sealed.write_bytes(content)
        lander.land(sealed)
    assert (file.read_bytes(), landed(home)) == (whole, 1)


def test_a_segment_of_another_format_stays_and_is_named(home: Home) -> None:
    strange = home.wal / "col-1772366400000-00000001.wal"
    sealed = seal_segment(home, 1, [GOOD])
    content = sealed.read_bytes().replace(b'"format":1', b'"format":9')
    sealed.unlink()
    head = content[:12]
    length = int.from_bytes(content[8:12], "little")
    body = content[16 : 16 + length]
    crc = zlib.crc32(body, zlib.crc32(head)).to_bytes(4, "little")
    strange.write_bytes(head + crc + content[16:])
    seal_segment(home, 2, [GOOD])
    with lander_of(home, now=T0 + HOUR) as lander:
        assert len(list(lander.land_sealed())) == 1
        assert "has format 9" in lander.unreadable[strange.stem]
    assert strange.exists()

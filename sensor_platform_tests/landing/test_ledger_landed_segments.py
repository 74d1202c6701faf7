"""Landed segments of one collector, as a reader that follows the collector asks for them."""

from pathlib import Path

from sensor_platform.home import Home
from sensor_platform.landing.ledger.landed_segments import LandedSegmentsOf
from sensor_platform_tests.landing.homes import Message, land_all, seal_segment, segment_name


def test_a_home_without_a_ledger_has_no_landed_segment(tmp_path: Path) -> None:
    landed = LandedSegmentsOf(Home(tmp_path), "col")
    assert (landed.newest(), landed.first_after("")) == (None, None)


def test_segments_are_those_of_the_collector_in_their_order(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for seq in (1, 2, 4):
        seal_segment(home, seq, [Message(b'{"id": 1, "t": 1}')])
    land_all(home)
    collector = segment_name(1).split("-")[0]
    landed = LandedSegmentsOf(home, collector)
    assert landed.newest() == segment_name(4)
    assert landed.first_after("") == segment_name(1)
    assert landed.first_after(segment_name(2)) == segment_name(4)
    assert landed.first_after(segment_name(4)) is None
    assert LandedSegmentsOf(home, "other").newest() is None

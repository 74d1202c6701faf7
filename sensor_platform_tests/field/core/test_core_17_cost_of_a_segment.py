"""What landing one segment costs, and what it leaves on disk, does not grow with all that were ever landed."""

import tracemalloc

import pytest

from sensor_platform_tests.field.core.homes import HOUR, MINUTE, T0, land, seal, send, series, upkeep
from sensor_platform_tests.field.core.ledgers import with_segments
from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import Home, audit
from sensor_platform_tests.field.core.work import work_of


def home_with(home: Home, segments: int) -> Home:
    """A ledger that knows so many segments."""
    send(home, 2, series("d", T0 - HOUR, 1), T0 - HOUR)
    with_segments(home, segments)
    return home


def cost_of_landing(home: Home) -> int:
    """Of one segment with one message."""
    seal(home, 1, series("d", T0, 1))
    cost = work_of(lambda: land(home, T0 + HOUR))
    need(len(list(home.landing.glob("*/*.parquet"))) == 2, "it has landed")
    return cost


@pytest.fixture
def homes(home: Home) -> tuple[Home, Home]:
    """A young one and one of eighty times as many segments."""
    return home_with(Home(home.root / "young"), 500), home_with(Home(home.root / "old"), 40_000)


def test_core_17_landing_a_segment_does_not_read_all_segments_before(homes: tuple[Home, Home]) -> None:
    few, many = (cost_of_landing(home) for home in homes)
    assert many < 2 * few, f"after 500 segments it takes {few} steps, after 40,000 {many}"


def test_core_17_an_audit_does_not_hold_the_names_of_all_segments(homes: tuple[Home, Home]) -> None:
    audit(homes[0])  # whatever is imported and kept once
    tracemalloc.start()
    try:
        audit(homes[1])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40_000 * 20, f"the audit of 40,000 segments takes {peak // 40_000} bytes of memory for each"


def test_core_17_compaction_leaves_one_manifest_of_an_hour(home: Home) -> None:
    for seq in range(20):
        send(home, seq + 1, series("d", T0 + seq * MINUTE, 1), T0 + seq * MINUTE)
    for hours in (2, 4, 6):
        upkeep(home, T0 + hours * HOUR)
    need(len(list(home.landing.glob("*/*.parquet"))) == 1, "the hour is compacted")
    left = [path for path in (home.ledger / "segments").rglob("*") if path.is_file()]
    assert len(left) < 10, f"{len(left)} manifests of 20 segments stay in one folder for ever"

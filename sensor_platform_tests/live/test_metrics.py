"""Types of metrics: what can fall is a gauge, so that Prometheus does not take a fall for a restart."""

from prometheus_client import CollectorRegistry, generate_latest

from sensor_platform.live.engine.view import NOTHING
from sensor_platform.live.monitor.metrics import LiveCollector
from sensor_platform.live.monitor.platform_status import PlatformStatus


def scraped(status: PlatformStatus) -> list[str]:
    registry = CollectorRegistry()
    registry.register(LiveCollector(lambda: NOTHING, lambda: status, [], lambda: 0, lambda: 0))
    return generate_latest(registry).decode().splitlines()


def test_rejects_of_the_newest_files_are_a_gauge_and_those_of_the_ledger_a_counter() -> None:
    status = PlatformStatus(quarantined={"no_device": 3}, ledger={"quarantined": 700})
    lines = scraped(status)
    assert "# TYPE sensor_platform_quarantined_total gauge" in lines
    assert 'sensor_platform_quarantined_total{rule="no_device"} 3.0' in lines
    assert "# TYPE sensor_platform_ledger_quarantined_total counter" in lines
    assert "sensor_platform_ledger_quarantined_total 700.0" in lines

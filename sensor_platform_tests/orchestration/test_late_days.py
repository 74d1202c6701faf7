"""A burst of late data into many days, materialised for real: few runs, the right rows, and today is not held up."""

from datetime import UTC, datetime, timedelta

from sensor_platform.orchestration.partitions import LANE_TAG, POSITION_TAG
from sensor_platform.orchestration.planning.run_planner import Lane, decide
from sensor_platform.orchestration.sensors.ledger_sensor import look, rules_of
from sensor_platform_tests.orchestration.platforms import TODAY, Platform, at

LATE_DAYS = [TODAY - timedelta(days=30 + 2 * number) for number in range(30)]


def test_late_data_into_thirty_days_is_at_most_three_runs_beside_those_of_today(platform: Platform) -> None:
    platform.arrive(*[("d1", at(day, 10), 1.0) for day in [*LATE_DAYS, TODAY]])
    assert platform.run(LATE_DAYS[-1], TODAY).success
    platform.arrive(*[("d2", at(day, 10, 30), 2.0) for day in LATE_DAYS], received_at=at(TODAY, 1))
    platform.arrive(("d2", at(TODAY, 0, 30), 3.0))
    lanes: list[Lane] = []
    for number in range(8):
        seen = look(platform.instance, platform.settings, datetime.now(UTC) + timedelta(minutes=number))
        for ask in decide(seen.dirty, seen.runs, seen.now, rules_of(platform.settings)):
            lanes.append(ask.lane)
            tags = {POSITION_TAG: str(ask.position), LANE_TAG: ask.lane.value}
            assert platform.run(ask.first, ask.last, tags=tags).success
    assert lanes[0] is Lane.TODAY
    assert 1 <= lanes.count(Lane.HISTORY) <= 3
    assert look(platform.instance, platform.settings, datetime.now(UTC)).dirty == ()
    found = platform.warehouse("select count(*), sum(late_n) from readings_1d where device_id = 'd2'")
    assert found == [(31, 30)]

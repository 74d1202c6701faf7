"""The proof as Dagster shows it: checks that are green on a whole home, and say and mend what is damaged."""

import os
from datetime import timedelta

from dagster import ExecuteInProcessResult

from sensor_platform.orchestration.checks.integrity import FILES, FULL_TAG, OUTCOMES, SEQUENCES, TRACES
from sensor_platform_tests.orchestration.platforms import TODAY, Platform, at

DAY = TODAY - timedelta(days=1)


def verdicts(result: ExecuteInProcessResult) -> dict[str, bool]:
    return {each.check_name: each.passed for each in result.get_asset_check_evaluations()}


def test_a_whole_home_is_proven_and_a_flipped_bit_is_said_mended_and_gone(platform: Platform) -> None:
    platform.arrive(("d1", at(DAY, 10), 1.0), ("d1", at(DAY, 11), 2.0))
    platform.arrive(("d2", at(DAY, 12), 3.0))
    assert platform.run(DAY).success
    first = platform.execute("proof", {})
    assert first.success
    assert set(verdicts(first).values()) == {True}
    path = min(platform.home.landing.glob("*/*.parquet"))
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    status = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert verdicts(platform.execute("proof", {}))[FILES], "a bit that rots leaves no trace in the folder"
    full = platform.execute("proof", {FULL_TAG: "true"})
    assert not verdicts(full)[FILES]
    (said,) = [each for each in full.get_asset_check_evaluations() if each.check_name == FILES]
    assert said.metadata["segments_landed_again"].value == 1
    again = platform.execute("proof", {FULL_TAG: "true"})
    assert set(verdicts(again).values()) == {True}
    assert platform.run(DAY).success
    assert platform.analysts("select count(*), sum(value) from readings_clean") == [(3, 6.0)]


def test_a_message_without_a_fate_and_a_row_without_readings_are_red(platform: Platform) -> None:
    import sqlite3

    platform.arrive(("d1", at(DAY, 10), 1.0))
    assert platform.run(DAY).success
    with sqlite3.connect(platform.home.ledger_file) as ledger:
        ledger.execute("update arrivals set received = received + 1")
        ledger.execute("insert into sequences values (0, 'd1', 1, 5), (0, 'd1', 8, 9)")
        ledger.execute("delete from file_slots")
    ledger.close()
    found = verdicts(platform.execute("proof", {}))
    assert not found[OUTCOMES]
    assert not found[SEQUENCES]
    assert not found[TRACES]


def test_upkeep_trims_and_says_what_it_did(platform: Platform) -> None:
    platform.arrive(("d1", at(DAY, 10), 1.0))
    assert platform.run(DAY).success
    result = platform.execute("upkeep", {})
    assert result.success
    event = next(
        each for each in result.all_node_events if each.node_name == "trim_tiers" and each.is_successful_output
    )
    facts = event.step_output_data.metadata
    assert facts["rows"].value == 0
    assert facts["warehouse_bytes"].value == platform.home.warehouse_file.stat().st_size

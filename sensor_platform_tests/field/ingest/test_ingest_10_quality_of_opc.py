"""Quality as OPC and Kepware write it (true and false, 0 and 192): what the source calls bad is not judged good."""

from pathlib import Path

import pytest

from sensor_platform.errors import WrongUse
from sensor_platform_tests.field.ingest.landed import Landed, case_contracts, case_messages
from sensor_platform_tests.field.ingest.rig import ask_tables, build_tables, land, land_where_accepted

AS_TODAY = case_contracts("ingest-10")
WITH_MEANINGS = (
    AS_TODAY[0],
    f"{AS_TODAY[1]}quality: {{field: [quality], values: {{0: bad, 192: good}}}}\n",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Landed:
    """The case in tables: with what its qualities mean, where a contract can say it, else as the case has it."""
    folder, messages = tmp_path_factory.mktemp("quality"), case_messages("ingest-10")
    try:
        landed = land(folder, messages, WITH_MEANINGS)
    except WrongUse:
        landed = land(folder, messages, AS_TODAY)
    build_tables(landed)
    return landed


def verdicts(built: Landed, device: str) -> list[tuple[float, str]]:
    sql = f"select value, verdict from readings_clean where device_id = '{device}' order by event_at"
    found = ask_tables(built, sql)
    if len(found) != 2:
        pytest.fail(f"two readings of {device} are expected, not {found}")
    return found


def test_ingest_10_a_quality_of_false_is_bad_and_true_is_good(built: Landed) -> None:
    assert verdicts(built, "plc1") == [(21.5, "good"), (850.0, "bad")]


def test_ingest_10_an_opc_quality_of_0_is_bad_and_192_is_good(built: Landed) -> None:
    assert verdicts(built, "opc/tags") == [(850.0, "bad"), (21.5, "good")]


def test_ingest_10_bad_values_are_in_no_mean(built: Landed) -> None:
    found = ask_tables(built, "select device_id, mean, bad_n from readings_1m order by device_id")
    assert found == [("opc/tags", 21.5, 1), ("plc1", 21.5, 1)]


def test_ingest_10_a_null_of_bad_quality_is_not_a_refusal(tmp_path: Path) -> None:
    found = land_where_accepted(tmp_path, case_messages("ingest-10", "input-1.json"), AS_TODAY, WITH_MEANINGS)
    assert [] in [landed.refused for landed in found], found[0].refused
    assert all(len(landed.of("Temp")) == 2 for landed in found)


def test_ingest_10_a_null_of_good_quality_stays_a_refusal(tmp_path: Path) -> None:
    payload = b'{"values":[{"id":"Temp","v":1,"q":true},{"id":"Pres","v":null,"q":true}]}'
    landed = land(tmp_path, [("iotgateway", payload)], AS_TODAY)
    assert [refusal.rule for refusal in landed.refused] == ["no_value"]

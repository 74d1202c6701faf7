"""OPC UA PubSub JSON: where all outer fields are ignored, nothing is left outside the samples to refuse."""

from pathlib import Path

from sensor_platform_tests.field.ingest.landed import case_contracts, case_messages
from sensor_platform_tests.field.ingest.rig import land

CONTRACTS = case_contracts("ingest-25")


def test_ingest_25_the_sample_is_a_reading(tmp_path: Path) -> None:
    landed = land(tmp_path, case_messages("ingest-25"), CONTRACTS)
    assert [(row.device, row.metric, row.value) for row in landed.rows] == [("40735", "Payload.Pos.Value", -96.7)]


def test_ingest_25_ignored_outer_fields_are_not_refused(tmp_path: Path) -> None:
    assert land(tmp_path, case_messages("ingest-25"), CONTRACTS).refused == []


def test_ingest_25_an_outer_value_without_a_device_is_refused(tmp_path: Path) -> None:
    messages = [(topic, payload.replace(b'"MessageType"', b'"Load":3,"MessageType"')) for topic, payload in
                case_messages("ingest-25")]  # fmt: skip
    landed = land(tmp_path, messages, CONTRACTS)
    assert [refusal.rule for refusal in landed.refused] == ["no_device"]
    assert len(landed.rows) == 1

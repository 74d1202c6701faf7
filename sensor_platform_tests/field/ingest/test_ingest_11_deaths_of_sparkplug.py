"""The death of a Sparkplug node is the death of its devices: no DDEATH follows."""

from pathlib import Path

from sensor_platform_tests.field.ingest.landed import Landed, case_contracts, case_messages
from sensor_platform_tests.field.ingest.rig import land

CONTRACTS = case_contracts("ingest-11")
NODE_BIRTH, DEVICE_BIRTH, NODE_DEATH = case_messages("ingest-11")


def states(landed: Landed, device: str) -> list[float | None]:
    return [row.value for row in landed.of("online") if row.device == device]


def test_ingest_11_devices_of_a_dead_node_are_offline(tmp_path: Path) -> None:
    landed = land(tmp_path, [NODE_BIRTH, DEVICE_BIRTH, NODE_DEATH], CONTRACTS)
    assert states(landed, "G/edge/pump") == [1.0, 0.0]


def test_ingest_11_every_device_of_a_dead_node_is_offline(tmp_path: Path) -> None:
    fan = ("spBv1.0/G/DBIRTH/edge/fan", DEVICE_BIRTH[1])
    landed = land(tmp_path, [NODE_BIRTH, DEVICE_BIRTH, fan, NODE_DEATH], CONTRACTS)
    found = {device: states(landed, f"G/edge/{device}") for device in ("pump", "fan")}
    assert found == {"pump": [1.0, 0.0], "fan": [1.0, 0.0]}


def test_ingest_11_the_dead_node_itself_is_offline(tmp_path: Path) -> None:
    landed = land(tmp_path, [NODE_BIRTH, DEVICE_BIRTH, NODE_DEATH], CONTRACTS)
    assert (states(landed, "G/edge"), landed.refused) == ([1.0, 0.0], [])


def test_ingest_11_devices_of_another_node_stay_online(tmp_path: Path) -> None:
    others = [("spBv1.0/G/NBIRTH/edge2", NODE_BIRTH[1]), ("spBv1.0/G/DBIRTH/edge2/pump", DEVICE_BIRTH[1])]
    landed = land(tmp_path, [NODE_BIRTH, DEVICE_BIRTH, *others, NODE_DEATH], CONTRACTS)
    assert states(landed, "G/edge2") == states(landed, "G/edge2/pump") == [1.0]

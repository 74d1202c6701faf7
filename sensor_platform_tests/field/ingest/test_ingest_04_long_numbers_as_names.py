"""Ids written as JSON numbers of more than 64 bits: an id is digits, not a quantity."""

from pathlib import Path

import pytest

from sensor_platform_tests.field.ingest.landed import case_messages
from sensor_platform_tests.field.ingest.rig import land

BY_ID = "name: sims\ntopic: sensors/#\ndevice: {field: [id]}\n"
SIMS = ["89314404000123456781", "89314404000123456799"]


def test_ingest_04_two_sim_cards_are_two_devices(tmp_path: Path) -> None:
    landed = land(tmp_path, case_messages("ingest-04"), [BY_ID])
    assert [(row.device, row.value) for row in landed.rows] == [(SIMS[0], -60.0), (SIMS[1], -90.0)]


@pytest.mark.parametrize("sim", SIMS)
def test_ingest_04_a_tag_keeps_every_digit(tmp_path: Path, sim: str) -> None:
    contract = "name: sim\ntopic: sensors/#\ntags: {sim: {field: [iccid]}}\n"
    landed = land(tmp_path, [("sensors/d", b'{"iccid":%s,"rssi":-60}' % sim.encode())], [contract])
    assert [row.tags for row in landed.of("rssi")] == [{"sim": sim}]


def test_ingest_04_two_message_ids_stay_two(tmp_path: Path) -> None:
    messages = [("sensors/d", b'{"seq":%s,"rssi":-60}' % sim.encode()) for sim in SIMS]
    assert [row.message_id for row in land(tmp_path, messages).rows] == SIMS


@pytest.mark.parametrize("sim", ["893144040001234567", "8931440400012345678", "18446744073709551615"])
def test_ingest_04_up_to_64_bits_every_digit_is_kept(tmp_path: Path, sim: str) -> None:
    assert land(tmp_path, [("sensors/d", b'{"id":%s,"rssi":-60}' % sim.encode())], [BY_ID]).devices == {sim}


def test_ingest_04_a_value_of_more_than_64_bits_is_a_number(tmp_path: Path) -> None:
    landed = land(tmp_path, [("sensors/d", b'{"total":89314404000123456781,"x":1e20}')])
    assert (landed.values("total"), landed.values("x")) == ([8.9314404000123456781e19], [1e20])

"""A field `id` that numbers the messages (or a channel): not a device per message, and not one device for all."""

import re
from pathlib import Path

import pytest

from sensor_platform_tests.field.ingest.landed import Landed, Messages, case_messages
from sensor_platform_tests.field.ingest.rig import land, run_on

MESH = case_messages("ingest-08", "input-1.json", "input-2.json", "input-3.json")
CLOUD_EVENTS = [
    (topic, payload.replace(b"9aeb0fdf-c01e", b"9aeb0fdf-c01e-%d" % number))
    for number in range(3)
    for topic, payload in case_messages("ingest-08", "input-4.json")
]
SHELLIES = [(f"shelly-{name}/status/switch:0", b'{"id":0,"output":true,"apower":8.9}') for name in "ab"]


def is_noticed_by_infer(landed: Landed, topic: str) -> bool:
    """Whether `contract infer` takes another field, or asks a person to check the ids."""
    code, printed = run_on(landed, "contract", "infer", "--topic", topic, "--last", "20000d")
    if code or "device:" not in printed:
        pytest.fail(f"contract infer makes no proposal: {printed}")
    takes_the_id = re.search(r"device:\s+field:\s+- id\n", printed) is not None
    return not takes_the_id or re.search(r"^check: .*\b(ids?|devices?)\b", printed, re.MULTILINE) is not None


def is_noticed(landed: Landed, topic: str) -> bool:
    """Whether `contract infer` or `status` has a word about the ids."""
    return is_noticed_by_infer(landed, topic) or re.search(r"\bids?\b", run_on(landed, "status")[1]) is not None


@pytest.mark.parametrize("messages", [MESH, CLOUD_EVENTS], ids=["Meshtastic", "CloudEvents"])
def test_ingest_08_infer_proposes_no_device_per_message_without_a_word(tmp_path: Path, messages: Messages) -> None:
    assert is_noticed_by_infer(land(tmp_path, messages), messages[0][0])


@pytest.mark.parametrize("messages", [MESH, CLOUD_EVENTS], ids=["Meshtastic", "CloudEvents"])
def test_ingest_08_by_default_messages_of_one_sender_are_one_device_or_it_is_noticed(
    tmp_path: Path, messages: Messages
) -> None:
    landed = land(tmp_path, messages)
    assert len(landed.devices) == 1 or is_noticed(landed, messages[0][0]), landed.devices


def test_ingest_08_by_default_the_channel_of_two_senders_does_not_make_them_one_device(tmp_path: Path) -> None:
    landed = land(tmp_path, SHELLIES)
    assert len(landed.devices) == 2 or is_noticed(landed, "+/status/+"), landed.devices


def test_ingest_08_a_contract_can_name_the_device_and_the_message_id(tmp_path: Path) -> None:
    contract = "name: mesh\ntopic: sensors/mesh/#\ndevice: {field: [from]}\nmessage_id: {field: [id]}\n"
    found = land(tmp_path, MESH, [contract]).of("payload.battery_level")
    assert {row.device for row in found} == {"31214689"}
    assert [row.message_id for row in found] == ["46252115", "46252125", "46252135"]

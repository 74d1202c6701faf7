"""Requeue of a half refused message: what had landed is not landed again under another name, unit or device."""

import contextlib

import pytest

from sensor_platform_tests.field.core.homes import HOUR, T0, land, readings, requeue, seal
from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import (
    BatchFacts,
    Contract,
    Header,
    Home,
    PlatformError,
    SegmentWriter,
    ValueSource,
    audit,
    encode_mqtt,
)

PAYLOAD = b'{"ts": %d, "seq": 7, "t": 68.0, "h": "47 %%", "unit": "degF"}' % (T0 // 1_000_000)
"""One number, and one text that the first contract does not accept."""
DEVICE = ValueSource(user_property="device", topic_level=-1)
STRICT = Contract(name="c", topic="#", strings="number")
STRICT_DEVICE = Contract(name="c", topic="#", strings="number", device=DEVICE)


def seal_with_user_property(home: Home, name: bytes, value: bytes) -> None:
    """A PUBLISH of MQTT 5 with one user property."""
    topic = b"sensors/gateway"
    properties = b"\x26" + len(name).to_bytes(2, "big") + name + len(value).to_bytes(2, "big") + value
    body = len(topic).to_bytes(2, "big") + topic + b"\0\1" + bytes([len(properties)]) + properties + PAYLOAD
    need(len(body) < 128, "its length fits into one byte")
    writer = SegmentWriter(home.wal, Header(segment="col-1772366400000-00000001", created_at=T0))
    writer.append([encode_mqtt(BatchFacts(T0, "s", True, 5, 1, ()), [bytes([0x32, len(body)]) + body])])
    writer.commit()
    writer.seal()


def check_numbers(home: Home, corrected: Contract) -> None:
    """After a requeue with the corrected contract there is still one number (or the requeue was refused)."""
    need(readings(home)["value"].to_list() == [68.0], "the number has landed")
    with contextlib.suppress(PlatformError):
        requeue(home, T0 + 2 * HOUR, corrected)
    found = readings(home)
    numbers = found.filter(found["value"].is_not_null()).select("device_id", "metric", "value", "unit").rows()
    assert len(numbers) == 1, f"one number was sent, these are in landing: {numbers}"
    assert audit(home).difference == 0


@pytest.mark.parametrize(
    "corrected",
    [
        pytest.param(Contract(name="c", topic="#", units={"t": "degC"}), id="other unit"),
        pytest.param(Contract(name="c", topic="#", rename={"t": "temperature"}), id="other metric"),
    ],
)
def test_core_11_what_had_landed_is_known_under_a_corrected_contract(home: Home, corrected: Contract) -> None:
    seal(home, 1, [PAYLOAD])
    land(home, T0 + HOUR, (STRICT,))
    check_numbers(home, corrected)


def test_core_11_what_had_landed_is_known_where_a_user_property_named_the_device(home: Home) -> None:
    seal_with_user_property(home, b"device", b"dev1")
    land(home, T0 + HOUR, (STRICT_DEVICE,))
    need(readings(home)["device_id"].to_list() == ["dev1"], "the user property names the device")
    check_numbers(home, Contract(name="c", topic="#", device=DEVICE))

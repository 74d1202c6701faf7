"""SenML packs."""

import cbor2
import pytest

from sensor_platform.reading.encodings import UndecodableError
from sensor_platform.reading.encodings.decoders import EXACT_TIME, BadRecord, Records
from sensor_platform.reading.encodings.senml import senml_reader
from sensor_platform.reading.local_times import FromArrival

read = senml_reader("device_id", "metric", "value", "unit")
AT = 1_735_640_000
MAC = "urn:dev:mac:0a"
BAD = [b"7", b'{"n":7,"v":1}', b'{"n":"x","v":"1"}', b'{"n":"x","t":"now","v":1}', b'{"new_":1}']


def test_base_values_hold_for_the_records_after_them() -> None:
    pack = b"""[{"bn":"urn:dev:mac:0a:","bt":1735640000,"bu":"A","bv":10,"n":"voltage","u":"V","v":0.1},
        {"n":"current","t":-0.5,"v":2},{"n":"on","vb":true},{"n":"say","vs":"x","bn":"b/"},{"s":4,"n":"e"}]"""
    assert read(pack) == [
        {"device_id": "urn:dev:mac:0a", "unit": "V", EXACT_TIME: AT * 10**6, "metric": "voltage", "value": 10.1},
        {
            "device_id": "urn:dev:mac:0a",
            "unit": "A",
            EXACT_TIME: AT * 10**6 - 500_000,
            "metric": "current",
            "value": 12,
        },
        {"device_id": "urn:dev:mac:0a", "unit": "A", EXACT_TIME: AT * 10**6, "metric": "on", "value": True},
        {"device_id": "b", "unit": "A", EXACT_TIME: AT * 10**6, "metric": "say", "value": "x"},
        {"device_id": "b", "unit": "A", EXACT_TIME: AT * 10**6, "metric": "e.sum", "value": 4},
    ]


def test_a_small_time_counts_from_the_arrival() -> None:
    assert read(b'[{"n":"t","v":1,"t":-5},{"n":"t","v":2}]') == [
        {EXACT_TIME: FromArrival(-5_000_000), "metric": "t", "value": 1},
        {EXACT_TIME: FromArrival(0), "metric": "t", "value": 2},
    ]


def test_cbor_has_numbers_for_names() -> None:
    expected = {"device_id": "d", EXACT_TIME: AT * 10**6, "metric": "t", "value": 21.5}
    assert read(cbor2.dumps([{-2: "d", 0: "t", 2: 21.5, -3: AT}])) == [expected]


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_record_is_refused_alone(bad: bytes) -> None:
    found = read(b'[{"n":"a","v":1},%s,{"n":"b","v":2}]' % bad)
    assert isinstance(found, Records)
    assert [record["value"] for record in found if isinstance(record, dict)] == [1, 2]
    assert [isinstance(record, BadRecord) for record in found] == [False, True, False]


@pytest.mark.parametrize("payload", [b"{}", b"[]", b'[{"bn":"x"}]', b"no"])
def test_what_holds_no_value_is_refused(payload: bytes) -> None:
    with pytest.raises(UndecodableError):
        read(payload)

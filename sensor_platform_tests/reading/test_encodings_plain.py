"""Plain payloads: one value as text."""

import pytest

from sensor_platform.reading.encodings import UndecodableError
from sensor_platform.reading.encodings.plain import from_plain


@pytest.mark.parametrize(
    ("payload", "content"),
    [
        (b"23.4", {"value": 23.4}),
        (b" 7\n", {"value": 7}),
        (b"on", {"value": "on"}),
        (b"true\0", {"value": True}),
        (b"\xef\xbb\xbf1", {"value": 1}),
        ("23.4 °C".encode(), {"value": 23.4, "unit": "°C"}),
        (b"-1e3  bar", {"value": -1000.0, "unit": "bar"}),
        (b"23 degrees Celsius", {"value": "23 degrees Celsius"}),
        (b"door open", {"value": "door open"}),
    ],
)
def test_one_value_and_its_unit(payload: bytes, content: object) -> None:
    assert from_plain(payload) == content


@pytest.mark.parametrize(("payload", "reason"), [(b"", "empty"), (b" \n", "empty"), (b"\xff\xfe", "not UTF-8")])
def test_what_is_not_text_is_refused_with_the_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(UndecodableError, match=reason):
        from_plain(payload)

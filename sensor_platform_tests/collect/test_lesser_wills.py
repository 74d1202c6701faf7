"""A broker that does not allow the last will is asked with a lesser one; any other refusal changes nothing."""

import pytest

from sensor_platform.collect.mqtt.paho_client import WILLS, StateForm, lesser_will

BEST, LAST = WILLS[0], WILLS[-1]


@pytest.mark.parametrize(
    ("form", "code", "lesser"),
    [
        (BEST, 0x9A, StateForm(1, retain=False)),
        (BEST, 0x9B, StateForm(0, retain=True)),
        (StateForm(0, retain=True), 0x9A, LAST),
        (BEST, 0x87, None),
        (LAST, 0x9A, None),
        (LAST, 0x9B, None),
        (BEST, None, WILLS[1]),
        (WILLS[1], None, LAST),
        (LAST, None, None),
    ],
)
def test_only_what_the_broker_refuses_is_left_out(form: StateForm, code: int | None, lesser: StateForm | None) -> None:
    assert lesser_will(form, code) == lesser

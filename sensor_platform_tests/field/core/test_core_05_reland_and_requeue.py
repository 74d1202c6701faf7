"""`reland` and `quarantine requeue` at once: every message is landed once, whichever of them waits or is refused."""

import contextlib
from collections.abc import Callable

import pytest

from sensor_platform_tests.field.core.homes import HOUR, T0, land, readings, reland, requeue, seal
from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import Contract, Home, PlatformError, ValueSource, audit
from sensor_platform_tests.field.core.steps import RELAND_CARRIES_OUT, REQUEUE_COMMITS, Step, meanwhile

STRICT = Contract(name="c", topic="#", device=ValueSource(field=("device",)))
LOOSE = Contract(name="c", topic="#", device=ValueSource(field=("device", "id")))
LATER = T0 + 2 * HOUR


def reland_loose(home: Home) -> None:
    """A refusal is a right answer."""
    with contextlib.suppress(PlatformError):
        reland(home, LATER, LOOSE)


def requeue_loose(home: Home) -> None:
    with contextlib.suppress(PlatformError):
        requeue(home, LATER, LOOSE)


@pytest.fixture
def half_refused(home: Home) -> Home:
    """One landed message and fifty in the quarantine that another contract accepts."""
    refused = [{"id": "d", "ts": T0 / 1e6 + number, "v": number} for number in range(50)]
    seal(home, 1, [*refused, {"device": "d", "ts": T0 / 1e6, "v": 0}])
    land(home, T0 + HOUR, (STRICT,))
    need(len(readings(home)) == 1, "one message is landed")
    return home


@pytest.mark.parametrize(
    ("step", "first", "second"),
    [
        pytest.param(RELAND_CARRIES_OUT, reland_loose, requeue_loose, id="requeue while reland decodes"),
        pytest.param(REQUEUE_COMMITS, requeue_loose, reland_loose, id="reland while requeue decodes"),
    ],
)
def test_core_05_no_message_is_landed_twice(
    half_refused: Home, step: Step, first: Callable[[Home], None], second: Callable[[Home], None]
) -> None:
    home = half_refused
    meanwhile(step, lambda: second(home), lambda: first(home))
    first(home)
    second(home)
    found = readings(home)
    assert found.unique(["segment", "position", "metric"]).height == len(found), f"{len(found)} readings of 51 messages"
    assert [(hour.received, hour.landed, hour.quarantined) for hour in audit(home).hours] == [(51, 51, 0)]

"""Fixtures of the reading room: a message and what it becomes, under any contract."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from sensor_platform.kernel.clock import to_micros
from sensor_platform.reading.batch import TimeLimits
from sensor_platform.reading.contract import Contract
from sensor_platform.reading.model import Envelope, Reading, Rejected
from sensor_platform_tests.reading.single_message import decode_message

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LIMITS = TimeLimits(start=to_micros(datetime(2010, 1, 1, tzinfo=UTC)), max_future=3_600_000_000)

Decode = Callable[..., list[Reading | Rejected]]


@pytest.fixture
def now() -> datetime:
    """When messages arrive in these tests."""
    return NOW


@pytest.fixture
def limits() -> TimeLimits:
    """From 2010 to one hour ahead."""
    return LIMITS


@pytest.fixture
def decode() -> Decode:
    """Decode one payload (bytes, or an object to be written as JSON) under a contract made of keywords."""

    def run(payload: Any, topic: str = "sensors/dev1", envelope: dict[str, Any] | None = None, **contract: Any) -> Any:
        raw = payload if isinstance(payload, bytes) else orjson.dumps(payload)
        message = Envelope(topic, raw, NOW, "seg", 0, **(envelope or {}))
        return decode_message((Contract(name="test", topic="#", **contract),), message, LIMITS)

    return run


@pytest.fixture
def values(decode: Decode) -> Callable[..., dict[str, float | str | None]]:
    """Metric to value (or text) of a payload that is good throughout."""

    def run(*args: Any, **kwargs: Any) -> dict[str, float | str | None]:
        found: dict[str, float | str | None] = {}
        for reading in decode(*args, **kwargs):
            assert isinstance(reading, Reading), reading
            found[reading.metric] = reading.text if reading.value is None else reading.value
        return found

    return run


@pytest.fixture
def rules(decode: Decode) -> Callable[..., list[str]]:
    """Rules by which a payload is refused, in order; every refusal must say why and what to do."""

    def run(*args: Any, **kwargs: Any) -> list[str]:
        refused = [found for found in decode(*args, **kwargs) if isinstance(found, Rejected)]
        assert all(why.reason and why.hint for why in refused)
        return [why.rule for why in refused]

    return run


@pytest.fixture
def ago() -> Callable[[float], datetime]:
    """So many seconds before the messages arrive."""
    return lambda seconds: NOW - timedelta(seconds=seconds)

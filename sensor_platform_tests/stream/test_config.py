"""Window settings: what they mean, and what is refused."""

import msgspec
import pytest

from sensor_platform.stream.config import EngineConfig, WindowSpec


def test_a_window_without_every_is_tumbling() -> None:
    spec = WindowSpec(length="90s")
    assert (spec.size, spec.hop, spec.name) == (90_000_000, 90_000_000, "90s")


def test_a_window_with_every_is_hopping_and_named_by_both() -> None:
    spec = WindowSpec(length="60s", every="10s")
    assert (spec.size, spec.hop, spec.name) == (60_000_000, 10_000_000, "1m/10s")


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"length": "500ms"}, "at least 1s"),
        ({"length": "10s", "every": "250ms"}, "at least 1s"),
        ({"length": "10s", "every": "3s"}, "every: 3s does not divide the length 10s"),
        ({"length": "soon"}, "soon"),
        ({"grace": "a bit"}, "a bit"),
    ],
)
def test_a_window_that_cannot_work_is_refused_with_the_reason(wrong: dict[str, str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        WindowSpec(**wrong)


@pytest.mark.parametrize("key", ["keep", "idle", "settle"])
def test_bounds_that_are_not_durations_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match="later"):
        msgspec.convert({key: "later"}, EngineConfig)

"""What every test of this area needs: waiting, set-ups that must hold, and site folders."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest


def eventually(condition: Callable[[], object], seconds: float) -> bool:
    """Whether a condition becomes true in time; looks at it again and again."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def need(condition: object, what: str) -> None:
    """Fail the test, other than by an assertion, where its set-up does not hold."""
    if not condition:
        pytest.fail(f"the set-up of this test does not hold: {what}")


@contextmanager
def setting_up() -> Iterator[None]:
    """For helpers that assert: what they miss is a set-up that does not hold, and not what the test is about."""
    try:
        yield
    except AssertionError as error:
        pytest.fail(f"the set-up of this test does not hold: {error}")


def site_files(
    folder: Path, rules: Mapping[str, Any], site: Mapping[str, Any], contract: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """Write a site folder; returns the environment of commands for it and its home."""
    place = folder / "site"
    place.mkdir(exist_ok=True)
    (place / "site.yaml").write_bytes(msgspec.yaml.encode(site))
    (place / "rules.yaml").write_bytes(msgspec.yaml.encode(rules))
    if contract:
        (place / "contracts").mkdir(exist_ok=True)
        (place / "contracts" / "one.yaml").write_bytes(msgspec.yaml.encode(contract))
    return {"SENSOR_PLATFORM_HOME": str(folder / "home"), "SENSOR_PLATFORM_SITE": str(place)}

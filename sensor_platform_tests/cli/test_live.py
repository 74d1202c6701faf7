"""What the live process is started with."""

import logging
from collections.abc import Iterator

import pytest

from sensor_platform.cli.live import live
from sensor_platform.home import Home
from sensor_platform.live import process
from sensor_platform.live.config import LiveConfig
from sensor_platform_tests.cli.running import Recorder, run


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def test_options_replace_the_settings_of_the_site(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    called = Recorder()
    monkeypatch.setattr(process, "run", called)
    run(live)
    run(live, "--port", "0", "--host", "0.0.0.0", "--dagster-url", "http://dagster")
    (as_set, _), (as_asked, announce) = called.calls
    given = LiveConfig()
    assert (as_set.home, as_set.live.port, as_set.live.host) == (home, given.port, given.host)
    assert (as_asked.live.port, as_asked.live.host) == (0, "0.0.0.0")
    assert as_asked.live.dagster_url == "http://dagster"
    assert callable(announce)

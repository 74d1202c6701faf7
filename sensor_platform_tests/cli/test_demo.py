"""What the demo is asked for, and its exit code."""

from pathlib import Path

import pytest

from sensor_platform.cli.demo import demo
from sensor_platform.demo import run as demo_run
from sensor_platform.demo.demo_home import SHIPPED_SITE
from sensor_platform.demo.run import DemoOptions
from sensor_platform_tests.cli.running import Recorder, run


@pytest.mark.parametrize("code", [0, 1, 130])
def test_its_exit_code_is_the_verdict(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    monkeypatch.setattr(demo_run, "run_demo", Recorder(code))
    assert run(demo, "--exit").return_value == code


def test_options_say_what_is_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    called = Recorder(0)
    monkeypatch.setattr(demo_run, "run_demo", called)
    run(demo)
    run(demo, "--exit", "--speed", "60", "--home", "x", "--site", str(tmp_path), "--broker", "amqtt")
    assert [options for options, *_ in called.calls] == [
        DemoOptions(Path("data-demo"), SHIPPED_SITE, 2880.0, ends_by_itself=False),
        DemoOptions(Path("x"), tmp_path, 60.0, ends_by_itself=True, broker="amqtt"),
    ]

"""dbt as a command: its own arguments, its own exit code."""

import pytest

from sensor_platform.cli.dbt import dbt
from sensor_platform.home import Home
from sensor_platform.warehouse import dbt_command
from sensor_platform_tests.cli.running import Recorder, run


def test_everything_after_dbt_is_dbts_own(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    called = Recorder(2)
    monkeypatch.setattr(dbt_command, "run_command", called)
    result = run(dbt, "build", "--select", "readings_1h+", "--vars", "{a: 1}")
    ((asked, _, arguments),) = called.calls
    assert asked == home
    assert arguments == ["build", "--select", "readings_1h+", "--vars", "{a: 1}"]
    assert result.return_value == 2

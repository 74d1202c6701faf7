"""The command as a person meets it: help, errors, exit codes."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from sensor_platform.cli.main import COMMANDS, cli
from sensor_platform.errors import CheckFailed, PlatformError, Unreachable, WrongUse


def _run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from sensor_platform.cli.main import main; main()", *arguments],
        capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"} | env, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0
    assert f"sensor-platform {name}" in result.output.split("Usage:", 1)[1].split("\n", 1)[1], "no example"


def test_an_unknown_command_is_wrong_use() -> None:
    result = _run("colect")
    assert result.returncode == 2
    assert "No such command" in result.stderr


def test_a_wrong_setting_is_one_line_a_hint_and_exit_code_2() -> None:
    result = _run("audit", SENSOR_PLATFORM_BROKER_URL="nonsense")
    assert result.returncode == 2
    assert result.stderr.count("\n") == 2
    assert "hint:" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(("error", "code"), [(CheckFailed, 1), (WrongUse, 2), (Unreachable, 3)])
def test_each_kind_of_failure_has_its_exit_code(error: type[PlatformError], code: int) -> None:
    assert error("what", "remedy").exit_code == code
    assert str(error("what", "remedy")) == "what\nhint: remedy"


def test_the_group_loads_no_command_module_to_show_its_help() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from sensor_platform.cli.main import cli\n"
        "assert CliRunner().invoke(cli, ['--help']).exit_code == 0\n"
        "heavy = {'polars', 'duckdb', 'dagster', 'pyarrow', 'lightgbm', 'dbt'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_commands_are_click_commands() -> None:
    assert isinstance(cli, click.Group)

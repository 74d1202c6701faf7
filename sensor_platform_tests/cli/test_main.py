"""What a failure looks like to the shell."""

from typing import Any

import click
import pytest

from sensor_platform.cli import main as entry
from sensor_platform.cli.main import COMMANDS, cli, main
from sensor_platform.errors import CheckFailed, Unreachable, WrongUse
from sensor_platform_tests.cli.running import said


def code_of(monkeypatch: pytest.MonkeyPatch, what: Any) -> int:
    """Exit code of the command line where a command raises or returns something."""

    @click.command()
    def command() -> Any:
        if isinstance(what, BaseException):
            raise what
        return what

    monkeypatch.setattr(entry, "cli", command)
    monkeypatch.setattr("sys.argv", ["sensor-platform"])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize(
    ("what", "code"),
    [
        (None, 0),
        (1, 1),
        (CheckFailed("what", "remedy"), 1),
        (WrongUse("what", "remedy"), 2),
        (Unreachable("what", "remedy"), 3),
        (click.UsageError("what"), 2),
        (KeyboardInterrupt(), 130),
        (BrokenPipeError(), 0),
    ],
)
def test_each_ending_has_its_exit_code(monkeypatch: pytest.MonkeyPatch, what: Any, code: int) -> None:
    assert code_of(monkeypatch, what) == code


def test_an_expected_failure_is_one_line_and_a_hint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code_of(monkeypatch, WrongUse("what is wrong", "the remedy"))
    assert capsys.readouterr().err == "error: what is wrong\nhint: the remedy\n"


def test_the_help_lists_every_command_with_its_line() -> None:
    shown = " ".join(said(cli, "--help").split())
    assert all(f"{name} {line}" in shown for name, (_, line) in COMMANDS.items())


def test_every_command_can_be_loaded_and_no_other() -> None:
    context = click.Context(cli)
    assert cli.list_commands(context) == list(COMMANDS)
    assert isinstance(cli.get_command(context, "import"), click.Command)
    assert cli.get_command(context, "imports") is None

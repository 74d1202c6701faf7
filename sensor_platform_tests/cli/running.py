"""Commands, run as `main` runs them but for the exit."""

from typing import Any

import click
from click.testing import CliRunner, Result


def run(command: click.Command, *words: str) -> Result:
    """Run a command; what it raises is raised, what it returns is `return_value`."""
    return CliRunner().invoke(command, list(words), standalone_mode=False, catch_exceptions=False)


def said(command: click.Command, *words: str) -> str:
    """What a command says on standard output."""
    return run(command, *words).stdout


class Recorder:
    """Stands in for what a command calls: keeps the arguments, and returns what it was given."""

    def __init__(self, returned: Any = None) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self._returned = returned

    def __call__(self, *arguments: Any, **_: Any) -> Any:
        self.calls.append(arguments)
        return self._returned

"""The docs say what the code does: every setting with its default, every command, every option that they show."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
import pytest
import yaml

from sensor_platform.cli.main import COMMANDS, cli
from sensor_platform.site import DEFAULT_FRESHNESS, _SiteFile

ROOT = Path(__file__).parents[2]
DOCS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])


def _settings(kind: type[msgspec.Struct]) -> Iterator[tuple[str, object]]:
    for field in msgspec.structs.fields(kind):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _settings(field.type)
        elif field.name != "freshness":
            yield field.name, field.default


@pytest.mark.parametrize(("name", "default"), [*_settings(_SiteFile)], ids=lambda value: str(value)[:20])
def test_settings_are_documented_with_their_default(name: str, default: object) -> None:
    rows = re.findall(rf"^\| `{name}` \| `(.*?)` \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE)
    assert len(rows) == 1, f"docs/settings.md needs one row for `{name}`"
    documented = yaml.safe_load(rows[0]) if " * " not in rows[0] else rows[0]
    assert msgspec.json.encode(documented) == msgspec.json.encode(default)


def test_freshness_defaults_are_documented() -> None:
    text = (ROOT / "docs/settings.md").read_text()
    for layer, fresh in DEFAULT_FRESHNESS.items():
        (row,) = [line for line in text.splitlines() if re.fullmatch(rf"\|.*`{layer}`.* \| \d+ \| \d+ \|", line)]
        assert row.endswith(f"| {fresh.warn_minutes} | {fresh.fail_minutes} |")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name: str) -> None:
    assert f"`sensor-platform {name}" in (ROOT / "docs/commands.md").read_text()


def _shown_commands() -> Iterator[tuple[str, str]]:
    for path in DOCS:
        for block in re.findall(r"```(?:sh|console|bash)\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                if re.match(r"(\$ )?(\.venv/bin/)?sensor-platform ", line):
                    yield path.name, line.removeprefix("$ ")


@pytest.mark.parametrize(("where", "line"), [*_shown_commands()])
def test_commands_shown_in_the_docs_exist_with_these_options(where: str, line: str) -> None:
    words = shlex.split(line, comments=True)
    command = cli.get_command(click.Context(cli), words[1])
    assert command is not None, f"{where} shows an unknown command: {line}"
    if isinstance(command, click.Group):
        command = command.get_command(click.Context(command), words[2])
        assert command is not None, f"{where} shows an unknown command: {line}"
    if words[1] == "dbt":
        return  # its arguments are dbt's own
    options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    shown = {word.split("=")[0] for word in words[2:] if word.startswith("--")}
    assert shown <= options, f"{where} shows unknown options {shown - options}: {line}"


def test_make_targets_shown_in_the_docs_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for path in DOCS:
        shown = set(re.findall(r"(?:^|`)make ([a-z-]+)", path.read_text(encoding="utf-8"), re.MULTILINE))
        assert shown <= targets, f"{path.name} shows make {shown - targets}"

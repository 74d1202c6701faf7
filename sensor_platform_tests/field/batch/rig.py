"""A site folder, a home, and the command line over both, in the process of the test."""

import csv
import json
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sensor_platform.cli.main import cli
from sensor_platform.errors import PlatformError
from sensor_platform.home import Home
from sensor_platform_tests.landing.homes import Message, land_all, seal_segment

DOCS = Path(__file__).parents[3] / "docs"


@dataclass(frozen=True)
class Said:
    """What a command did: its exit code, standard output, and both streams with the message of a refusal."""

    code: int
    out: str
    text: str


@dataclass(frozen=True)
class Place:
    """A site and a home below one folder."""

    root: Path

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def site(self) -> Path:
        return self.root / "site"

    def run(self, *arguments: str | Path, home: Path | None = None) -> Said:
        """Call one command as `sensor-platform` does; an exception that is not a refusal fails the test itself."""
        environ = {"SENSOR_PLATFORM_HOME": str(home or self.home), "SENSOR_PLATFORM_SITE": str(self.site)}
        done = CliRunner().invoke(cli, [str(argument) for argument in arguments], env=environ)
        if isinstance(done.exception, PlatformError):
            return Said(int(done.exception.exit_code), done.stdout, f"{done.output}error: {done.exception}")
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            pytest.fail(f"{arguments} raised\n{''.join(traceback.format_exception(done.exception))}")
        return Said(done.exit_code, done.stdout, done.output)

    def must(self, *arguments: str | Path, home: Path | None = None) -> Said:
        """A step of the set-up: a refusal is not what the test is about."""
        done = self.run(*arguments, home=home)
        if done.code:
            pytest.fail(f"set-up: {arguments} ended with {done.code}\n{done.text}")
        return done

    def rows(self, sql: str, home: Path | None = None) -> list[dict[str, Any]]:
        """Rows of a question to the published tables; decimals as numbers."""
        found: list[dict[str, Any]] = json.loads(self.must("query", "--format", "json", sql, home=home).out)
        return found

    def tables_with(self, *columns: str) -> list[str]:
        """Published tables that have all these columns."""
        names = ", ".join(f"'{column}'" for column in columns)
        found = self.rows(
            f"select table_name from information_schema.columns where table_schema = current_schema()"
            f" and column_name in ({names})"
            f" group by table_name having count(*) = {len(columns)} order by table_name"
        )
        return [row["table_name"] for row in found]

    def build(self) -> None:
        """Make every table of readings and publish it."""
        self.must("dbt", "run", "--quiet")
        self.must("publish")

    def arrive(self, number: int, device: str, at: datetime, received_at: datetime, value: float) -> None:
        """Land one message of metric `temperature`."""
        payload = json.dumps({"device_id": device, "ts": at.timestamp(), "temperature": value}).encode()
        arrival = int(received_at.timestamp() * 1e6)
        seal_segment(Home(self.home), number, [Message(payload)], received_at=arrival)
        land_all(Home(self.home), now=arrival + 1_000_000)


def make_place(root: Path, files: Mapping[str, str]) -> Place:
    """A site with these files; its home does not exist yet."""
    place = Place(root)
    for name, text in files.items():
        path = place.site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return place


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    """A CSV file with a header; times are written as ISO 8601."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in rows:
            writer.writerow([cell.isoformat() if isinstance(cell, datetime) else cell for cell in row])
    return path


@contextmanager
def setting_up() -> Iterator[None]:
    """Helpers that assert are part of the set-up here: what they find must not count as the fault of a test."""
    try:
        yield
    except AssertionError as error:
        pytest.fail(f"set-up: {error}")


def eventually(done: Callable[[], bool], what: str, seconds: float = 15.0) -> None:
    """Wait for something; that it never comes is not an AssertionError, which an expected failure would hide."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            pytest.fail(f"waited {seconds} s for {what}")
        time.sleep(0.05)


def documentation(name: str) -> str:
    """Text of a page of the documentation."""
    return (DOCS / name).read_text(encoding="utf-8")

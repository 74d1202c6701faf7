"""Publishing as a command."""

from pathlib import Path
from shutil import copytree

import click
import duckdb
import pytest

from sensor_platform.cli.publish import publish
from sensor_platform.home import Home
from sensor_platform_tests.cli.running import said


def test_a_home_without_readings_has_empty_tables_and_a_second_time_nothing_is_written(published: Home) -> None:
    lines = said(publish).splitlines()
    assert lines[-1].startswith(f"{published.analytics_file} is up to date")
    assert len(lines) == 1
    with duckdb.connect(str(published.analytics_file), read_only=True) as connection:
        assert connection.execute("select count(*) from readings_1h").fetchall() == [(0,)]


@pytest.mark.usefixtures("published")
def test_a_snapshot_is_one_file(tmp_path: Path) -> None:
    file = tmp_path / "snapshot.duckdb"
    shown = said(publish, "--snapshot", str(file)).splitlines()
    assert "readings_1h: 0 rows" in shown
    assert shown[-1] == str(file)
    assert file.is_file()


def test_a_copied_folder_reads_itself_when_it_is_relinked(once_published: Home, tmp_path: Path) -> None:
    copy = copytree(once_published.published, tmp_path / "copy")
    assert said(publish, "--relink", str(copy)).splitlines()[-1] == f"{copy / 'analytics.duckdb'} reads {copy}"
    with duckdb.connect(str(copy / "analytics.duckdb"), read_only=True) as connection:
        assert connection.execute("select count(*) from readings_1h").fetchall() == [(0,)]


@pytest.mark.usefixtures("home")
def test_one_thing_at_a_time(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="exclude each other"):
        said(publish, "--snapshot", "a", "--relink", str(tmp_path))

"""`import` reads a CSV header as CSV, and `query` reads the published tables and nothing else."""

from pathlib import Path

import duckdb
import pytest

from sensor_platform_tests.field.live.base import need, site_files
from sensor_platform_tests.field.live.processes import command
from sensor_platform_tests.field.live.rig import settings_of


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 34")
def test_live_34_doubled_quotes_in_a_header_are_one_quote(tmp_path: Path) -> None:
    environ = site_files(tmp_path, {}, {})
    file = tmp_path / "one.csv"
    file.write_text('device_id,ts,"x""y"\na,2026-01-01T00:00:00Z,1\n')
    done = command(environ, "import", str(file))
    need(done.returncode == 0, f"the file is imported: {done.stderr}")
    landed = tmp_path / "home" / "**" / "*.parquet"
    need(list((tmp_path / "home").rglob("*.parquet")), "something has landed")
    with duckdb.connect() as connection:
        question = f"select distinct metric from read_parquet('{landed}', union_by_name = true)"
        found = connection.execute(question).fetchall()
    assert [name for (name,) in found if name] == ['x"y']


@pytest.fixture
def published(tmp_path: Path) -> dict[str, str]:
    """A home with one published table."""
    environ = site_files(tmp_path, {}, {})
    file = settings_of(environ).home.analytics_file
    file.parent.mkdir(parents=True)
    with duckdb.connect(str(file)) as connection:
        connection.execute("create table one as select 41 + 1 as n")
    need("42" in command(environ, "query", "from one").stdout, "a question is answered")
    return environ


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 34")
def test_live_34_a_question_reads_no_other_file(published: dict[str, str], tmp_path: Path) -> None:
    other = tmp_path / "private.txt"
    other.write_text("not to be read")
    done = command(published, "query", f"select content from read_text('{other}')")
    assert "not to be read" not in done.stdout


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 34")
def test_live_34_a_question_installs_no_extension(published: dict[str, str]) -> None:
    done = command(published, "query", "--format", "csv", "select current_setting('autoinstall_known_extensions') as v")
    need(done.stdout.startswith("v"), f"the setting is shown: {done.stderr}")
    assert done.stdout.split()[-1].lower() == "false"

import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from sensor_platform.cli.main import cli
from sensor_platform.errors import ExitCode, Unreachable, WrongUse
from sensor_platform.home import Home
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.dbt_command import run_command
from sensor_platform.warehouse.dirty import dirty_days
from sensor_platform.warehouse.file.writer_lock import writer_lock
from sensor_platform.warehouse.lineage import dbt_models
from sensor_platform.warehouse.publish import publish
from sensor_platform.warehouse.tables import writer
from sensor_platform_tests.warehouse.landings import Landing, SiteStub, fingerprints, reading


def test_a_plain_dbt_build_builds_everything_and_records_it(
    landing: Landing, home: Home, site: SiteStub, noon: datetime, tmp_path: Path
) -> None:
    rows = [reading("d", "m", noon, 1.0), reading("e", "m", noon.replace(day=20), 2.0)]
    landing.land(rows)
    assert run_command(home, site, ["build", "--quiet", "--exclude-resource-type", "unit_test"]) == ExitCode.OK
    assert dirty_days(home, site, dbt_models()) == ()
    other = Home(tmp_path / "other")
    Landing(other).land(rows)
    assert build(other, site).is_ok
    assert fingerprints(home) == fingerprints(other)


def test_a_model_selected_alone_records_only_what_its_parents_have(
    landing: Landing, home: Home, site: SiteStub, noon: datetime
) -> None:
    landing.land([reading("d", "m", noon, 1.0)])
    assert build(home, site).is_ok
    position = landing.land([reading("d", "m", noon, 2.0)])
    assert run_command(home, site, ["run", "--quiet", "--select", "readings_1m"]) == ExitCode.OK
    report = build(home, site, position=position)
    assert report.models["readings_1m"].windows == 1
    assert [day.day for day in dirty_days(home, site, dbt_models())] == []


@pytest.mark.parametrize("given", [["--vars", "{x: 1}"], ["--vars={x: 1}"]])
def test_variables_of_a_person_do_not_hide_the_work_list(
    landing: Landing, home: Home, site: SiteStub, noon: datetime, given: list[str]
) -> None:
    landing.land([reading("d", "m", noon, 1.0)])
    assert run_command(home, site, ["run", "--quiet", *given]) == ExitCode.OK
    assert dirty_days(home, site, dbt_models()) == (), "without its work list dbt records no state"


def test_variables_that_are_not_a_mapping_are_refused(home: Home, site: SiteStub) -> None:
    with pytest.raises(WrongUse, match="not a mapping"):
        run_command(home, site, ["run", "--vars", "x"])


def test_a_broken_invariant_fails_the_build_and_says_which(
    landing: Landing, home: Home, site: SiteStub, noon: datetime
) -> None:
    landing.land([reading("d", "m", noon, 1.0, message_id="1")])
    assert build(home, site).is_ok
    with writer(home, site, "test") as warehouse:
        warehouse.connection.execute("insert into readings_clean from readings_clean")
    report = build(home, site, models=["readings_10s", "readings_1m"])
    assert report.is_ok, "both tiers are made of the same doubled rows"
    assert run_command(home, site, ["test", "--quiet", "--select", "readings_clean_dedup"]) == (ExitCode.CHECK_FAILED)


def test_dbt_waits_for_the_writer_and_names_it(home: Home, site: SiteStub) -> None:
    impatient = SiteStub(warehouse=site.warehouse.__class__(lock_wait_seconds=0.1))
    with writer_lock(home, "build 2026-01-01", wait_seconds=0), pytest.raises(Unreachable) as error:
        run_command(home, impatient, ["build"])
    assert "build 2026-01-01" in error.value.message


def test_an_open_warehouse_file_is_said_in_one_line(home: Home, site: SiteStub) -> None:
    publish(home, site)
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(home.warehouse_file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(Unreachable) as error:
            publish(home, site)
        other.kill()
    assert "\n" not in error.value.message
    assert "analytics.duckdb" in error.value.hint


def test_publish_snapshot_and_relink_are_commands(
    home: Home, site: SiteStub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(home, site)
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(home.root))
    file = tmp_path / "taken.duckdb"
    for arguments in (["publish"], ["publish", "--snapshot", str(file)], ["publish", "--relink", str(home.published)]):
        done = CliRunner().invoke(cli, arguments)
        assert done.exit_code == 0, (arguments, done.output, done.exception)
    assert file.exists()
    assert CliRunner().invoke(cli, ["publish", "--snapshot", "a", "--relink", str(home.root)]).exit_code == 2


def test_the_documentation_site_needs_no_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(tmp_path / "none"))
    arguments = ["dbt", "docs", "generate", "--static", "--quiet", "--target-path", str(tmp_path / "target")]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    assert "readings_clean" in (tmp_path / "target" / "static_index.html").read_text()
    assert not (tmp_path / "none").exists()

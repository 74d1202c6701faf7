"""Reports of processes: who runs, and who has an older version in force."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from sensor_platform.home import Home
from sensor_platform.versions.reports import (
    ALIVE_SECONDS,
    PATIENCE_SECONDS,
    FixedKey,
    ProcessReport,
    read_reports,
    remove_report,
    report_path,
    site_state,
    write_report,
)
from sensor_platform.versions.site_files import changed_at, read_site_files


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "site.yaml").write_text("name: a\n")
    return folder


@pytest.fixture
def report(site: Path) -> ProcessReport:
    return ProcessReport(process="lander", pid=1, updated_at=changed_at(site), versions=read_site_files(site).versions)


def test_a_report_is_read_as_it_was_written_until_it_is_too_old(home: Home, report: ProcessReport) -> None:
    write_report(home, report)
    assert read_reports(home, report.updated_at + 1) == (report,)
    assert read_reports(home, report.updated_at + ALIVE_SECONDS) == ()
    remove_report(home, "lander")
    assert read_reports(home, report.updated_at) == ()


def test_a_damaged_report_is_passed_over(home: Home, report: ProcessReport) -> None:
    write_report(home, report)
    report_path(home, "live").write_bytes(b"{")
    assert [each.process for each in read_reports(home, report.updated_at)] == ["lander"]


def test_an_older_version_is_a_fault_after_the_time_that_a_process_has(
    home: Home, site: Path, report: ProcessReport
) -> None:
    write_report(home, replace(report, versions=replace(report.versions, rules="0" * 8)))
    soon, late = report.updated_at + 1, report.updated_at + PATIENCE_SECONDS + 1
    assert site_state(home, site, soon).faults == ()
    (fault,) = site_state(home, site, late).faults
    assert fault.process == "lander"
    assert "rules 00000000" in fault.message
    assert fault.hint


def test_a_mistake_and_a_fixed_key_are_named_with_their_hint(home: Home, site: Path, report: ProcessReport) -> None:
    fixed = FixedKey(key="slot_minutes", in_force="10", on_disk="5", reason="one grid", hint="set it back")
    old = replace(report.versions, site="0" * 8)
    write_report(home, replace(report, versions=old, problem="site.yaml:3: wrong", hint="correct it", fixed=(fixed,)))
    first, second = site_state(home, site, report.updated_at + PATIENCE_SECONDS + 1).faults
    assert "site.yaml:3: wrong" in first.message
    assert (first.hint, second.hint) == ("correct it", "set it back")
    assert "slot_minutes: 10 stays in force, not 5" in second.message


def test_a_report_that_cannot_be_written_stops_nobody(tmp_path: Path, report: ProcessReport) -> None:
    (tmp_path / "in_force").write_text("a file where a folder should be")
    write_report(Home(tmp_path), report)

"""The state of the platform as a command."""

import json
import re
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sensor_platform.cli.status import status
from sensor_platform.collect.collector_status import CollectorStatus, write_status
from sensor_platform.errors import ExitCode
from sensor_platform.home import Home
from sensor_platform.landing.ledger import keep_grid, open_ledger
from sensor_platform.reload.site_watch import SiteWatch
from sensor_platform.versions import reports
from sensor_platform.versions.reports import FixedKey, ProcessReport, write_report
from sensor_platform.versions.site_files import read_site_files
from sensor_platform_tests.cli.running import run, said
from sensor_platform_tests.landing.homes import Message, land_all, seal_segment


@pytest.mark.usefixtures("home")
def test_of_a_home_in_which_nothing_ran() -> None:
    found = json.loads(said(status, "--json"))
    assert (found["collector"], found["ledger"], found["runs"]) == (None, None, [])
    assert found["dirty"] == {"windows": 0, "readings": 0, "days": []}
    assert {layer["verdict"] for layer in found["layers"].values()} == {"empty"}
    shown = said(status)
    assert "collector: never ran in this home" in shown
    assert "ledger: nothing landed yet; 0 segments wait to be landed" in shown


def test_of_a_home_with_readings_that_are_not_built_yet(home: Home) -> None:
    seal_segment(home, 1, [Message(b'{"device_id":"a","t":1}'), Message(b"\x00")])
    land_all(home)
    seal_segment(home, 2, [Message(b"{}")])
    found = json.loads(said(status, "--json"))
    assert {name: found["ledger"][name] for name in ("messages", "landed", "quarantined", "readings")} == {
        "messages": 2, "landed": 1, "quarantined": 1, "readings": 1,
    }  # fmt: skip
    assert found["backlog"]["segments"] == 1
    assert found["quarantine"] == {"messages": 1, "readings": 0}
    assert found["dirty"]["days"] == ["2026-03-01"]
    shown = said(status)
    assert "quarantine: 1 messages, 0 single readings" in shown
    assert "on 1 days (2026-03-01 to 2026-03-01)" in shown


def report_of(home: Home, site: Path, **changes: Any) -> ProcessReport:
    report = ProcessReport(process="lander", pid=1, updated_at=time.time(), versions=read_site_files(site).versions)
    return msgspec.structs.replace(report, **changes)


@pytest.fixture
def site(home: Home) -> Path:
    folder = home.root / "site"
    folder.mkdir(parents=True)
    (folder / "site.yaml").write_text("name: a\n")
    return folder


def test_versions_of_the_disk_and_of_each_process(home: Home, site: Path) -> None:
    write_report(home, report_of(home, site))
    done = run(status, "--format", "json")
    found = json.loads(done.stdout)
    assert done.return_value == ExitCode.OK
    assert set(found["versions"]) == {"disk", "lander"}
    assert found["versions"]["disk"] == found["versions"]["lander"]
    assert all(re.fullmatch("[0-9a-f]{8}", version) for version in found["versions"]["disk"].values())
    assert json.loads(said(status, "--json"))["versions"] == found["versions"]
    assert found["versions"]["disk"]["site"] in said(status)


def test_an_older_version_in_a_process_is_red(home: Home, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "PATIENCE_SECONDS", -1.0)
    old = msgspec.structs.replace(read_site_files(site).versions, site="0" * 8)
    write_report(home, report_of(home, site, versions=old, problem="site.yaml:3: wrong", hint="correct it"))
    done = run(status)
    assert done.return_value == ExitCode.CHECK_FAILED
    assert "site.yaml:3: wrong" in done.stdout
    assert "hint: correct it" in done.stdout


def test_files_that_are_wrong_are_named_and_the_status_is_shown(home: Home, site: Path) -> None:
    SiteWatch("lander", {"SENSOR_PLATFORM_HOME": str(home.root)})
    (site / "site.yaml").write_text("name: [\n")
    done = run(status, "--json")
    assert done.return_value == ExitCode.CHECK_FAILED
    (fault,) = json.loads(done.stdout)["faults"]
    assert f"{site / 'site.yaml'}:" in fault["message"]


def test_another_grid_than_that_of_the_home_is_red(home: Home, site: Path) -> None:
    with open_ledger(home) as ledger:
        keep_grid(ledger, 10)
    (site / "site.yaml").write_text("slot_minutes: 5\n")
    done = run(status, "--json")
    assert done.return_value == ExitCode.CHECK_FAILED
    (fault,) = json.loads(done.stdout)["faults"]
    assert "slot_minutes" in fault["message"]


def test_the_collector_is_found_under_the_name_that_it_keeps(home: Home, site: Path) -> None:
    home.wal.mkdir(parents=True)
    write_status(home.wal, CollectorStatus(collector="first", pid=1, updated_at=time.time(), state="connected"))
    (site / "site.yaml").write_text("collect: {collector: second}\n")
    fixed = FixedKey(key="collect.collector", in_force="first", on_disk="second", reason="its name", hint="set it back")
    write_report(home, report_of(home, site, process="collector", fixed=(fixed,)))
    write_report(home, report_of(home, site, process="live", fixed=(fixed,)))
    done = run(status)
    assert "collector: connected" in done.stdout
    assert done.stdout.count("collector, live: collect.collector: first stays in force") == 1

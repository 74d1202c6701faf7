"""`reland` and `quarantine requeue` say what would change, and lose nothing that nobody agreed to lose."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sensor_platform.cli.main import cli
from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform_tests.landing.homes import Message, files, land_all, seal_segment, tables
from sensor_platform_tests.landing.readings import rows

FIRST = "col-1772366400000-00000001"
WRONG = "name: press\ntopic: press/#\ndevice: {field: [id], topic_level: -1}\nstrings: number\n"
RIGHT = "name: press\ntopic: press/#\ndevice: {topic_level: 1}\n"


@pytest.fixture
def site(home: Home, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site of which a contract is corrected; messages landed under the default contract."""
    folder = home.root / "site"
    (folder / "contracts").mkdir(parents=True)
    (folder / "site.yaml").write_text("contracts: {unnamed_devices: last_level, strict: true}\n")
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(home.root))
    monkeypatch.setenv("SENSOR_PLATFORM_SITE", str(folder))
    seal_segment(home, 1, [Message(b'{"t": 1}', "press/p1/up"), Message(b'{"t": 2, "h": NaN}', "press/p2/up")])
    seal_segment(home, 2, [Message(b'{"t": 3}', "other/o1"), Message(b'{"t": 4}', "other/o2")])
    land_all(home)
    return folder


def write(site: Path, text: str) -> None:
    site.joinpath("contracts", "press.yaml").write_text(text)


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


def refused(found: Result, message: str, command: str) -> None:
    """The check failed: exit code 1, and the hint names both ways on."""
    assert isinstance(found.exception, CheckFailed)
    assert found.exception.exit_code == 1
    assert found.exception.message == message
    assert f"`sensor-platform {command}" in found.exception.hint.replace("quarantine ", "")
    assert "--yes" in found.exception.hint


def test_the_first_contract_of_a_site_does_not_take_away_what_the_default_one_had_landed(
    home: Home, site: Path
) -> None:
    write(site, RIGHT)
    before, made = rows(home), files(home)
    refused(run("reland"), "2 landed readings of 1 segments would be lost; nothing was changed", "reland --dry-run")
    assert (rows(home), files(home)) == (before, made)
    assert run("reland", "--yes").exit_code == 0
    assert len(rows(home)) == len(before) - 2


def test_a_dry_run_names_devices_and_metrics_and_the_reland_does_what_it_said(home: Home, site: Path) -> None:
    write(site, RIGHT)
    site.joinpath("contracts", "rest.yaml").write_text("name: rest\ntopic: '#'\n")
    state, made = tables(home), files(home)
    shown = run("reland", "--dry-run")
    assert shown.exit_code == 0
    assert shown.stdout.splitlines() == [
        f"{FIRST}: 2 -> 2 readings, devices +p1 +p2 -up",
        "would land 2 segments again: 4 -> 4 readings, 0 lost",
    ]
    (change,) = json.loads(run("reland", "--dry-run", "--json").stdout)["changes"]
    assert (change["segment"], change["gained_devices"], change["lost_devices"]) == (FIRST, ["p1", "p2"], ["up"])
    assert (tables(home), files(home)) == (state, made), "nothing was changed"
    assert json.loads(run("reland", "--json").stdout)["readings"] == 4
    assert {row[0] for row in rows(home)} == {"p1", "p2", "o1", "o2"}
    assert run("reland", "--dry-run").stdout == "would land 2 segments again: 4 -> 4 readings, 0 lost\n"


def test_a_requeue_replaces_what_the_message_gave_and_a_dry_run_says_so(home: Home, site: Path) -> None:
    write(site, RIGHT)
    state = tables(home)
    shown = run("quarantine", "requeue", "--all", "--dry-run")
    assert shown.exit_code == 0
    assert shown.stdout.splitlines()[0] == f"{FIRST}: 1 -> 1 readings, devices +p2 -up"
    assert tables(home) == state
    done = json.loads(run("quarantine", "requeue", "--all", "--json").stdout)
    assert (done["landed_readings"], done["removed_readings"], done["lost_readings"]) == (1, 1, 0)
    assert len(rows(home)) == 4
    assert {row[0] for row in rows(home)} == {"up", "p2", "o1", "o2"}, "the other message was not in the quarantine"


def test_a_requeue_that_would_lose_readings_wants_to_be_told(home: Home, site: Path) -> None:
    write(site, RIGHT + "ignore: [t]\n")
    state, made = tables(home), files(home)
    found = run("quarantine", "requeue", "--all")
    refused(found, "1 landed readings of 1 segments would be lost; nothing was changed", "requeue --dry-run")
    assert (tables(home), files(home)) == (state, made)
    assert run("quarantine", "requeue", "--all", "--yes").exit_code == 0
    assert len(rows(home)) == 3

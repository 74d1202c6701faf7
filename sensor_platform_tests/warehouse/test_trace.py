"""From a row of any table back to the message it came in, byte for byte, while the archive has it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from sensor_platform.cli.main import cli
from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.landing.housekeeping import keep_house
from sensor_platform.wal import open_segment
from sensor_platform.wal.frames import HEAD_BYTES, FrameKind, read_frame
from sensor_platform.warehouse.trace import Trace, trace
from sensor_platform_tests.landing.homes import HOUR, T0, Message, land_all, seal_segment
from sensor_platform_tests.warehouse.landings import SiteStub

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DEVICE = "it's a device"


def payload(number: int) -> bytes:
    return json.dumps(
        {"id": DEVICE, "ts": T0 // 10**6 + number, "t": number * 0.5, "h": number, "seq": number}
    ).encode()


@pytest.fixture
def filled(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    seal_segment(home, 1, [Message(payload(n)) for n in range(40)])
    seal_segment(home, 2, [Message(payload(n)) for n in range(3590, 3620)], received_at=T0 + HOUR)
    land_all(home)
    return home


def of(home: Home, table: str, at: datetime, metric: str | None = "t", most: int = 20) -> Trace:
    return trace(home, SiteStub(), table, DEVICE, metric, at, most)


@pytest.mark.parametrize(
    ("table", "at", "total"),
    [
        ("readings_clean", NOON.replace(second=7), 1),
        ("readings_10s", NOON.replace(second=7), 10),
        ("readings_1m", NOON.replace(second=7), 40),
        ("readings_1h", NOON.replace(second=7), 50),
        ("readings_1h", NOON.replace(hour=13, minute=59), 20),
        ("readings_1d", NOON, 70),
        ("readings_1h_wide", NOON, 50),
        ("features", NOON, 50),
        ("predictions", NOON, 50),
        ("device_status", NOON, 70),
    ],
)
def test_a_row_of_any_table_leads_to_its_readings(filled: Home, table: str, at: datetime, total: int) -> None:
    found = of(filled, table, at, most=1000)
    assert (found.total, len(found.origins)) == (total, total)
    for origin in found.origins:
        assert found.messages[origin.segment, origin.position].envelope.payload == payload(
            int(origin.event_at.timestamp()) - T0 // 10**6
        )


def test_compacted_rows_lead_to_the_same_messages(filled: Home) -> None:
    # a second file for each hour of arrival, as a compaction joins the files of one hour
    seal_segment(filled, 3, [Message(payload(n)) for n in range(40, 50)])
    seal_segment(filled, 4, [Message(payload(n)) for n in range(3620, 3630)], received_at=T0 + HOUR)
    land_all(filled)
    before = of(filled, "readings_1d", NOON, most=1000)
    assert len(before.origins) == 90
    keep_house(filled, 10, 7, T0 + 3 * HOUR)
    after = of(filled, "readings_1d", NOON, most=1000)
    assert {origin.file for origin in after.origins}.isdisjoint(origin.file for origin in before.origins)
    assert after.messages == before.messages


def test_the_frame_that_is_named_holds_the_payload(filled: Home) -> None:
    found = of(filled, "readings_clean", NOON.replace(second=31))
    (message,) = found.messages.values()
    with open_segment(filled.root / message.file) as file:
        data = file.read(message.frame_end)
    frame = data[message.frame_start :]
    assert payload(31) in frame[HEAD_BYTES:]
    from io import BytesIO

    whole = read_frame(BytesIO(frame))
    assert isinstance(whole, tuple)
    assert whole[0] == FrameKind.MQTT


def test_without_archive_the_landing_file_is_named_and_the_message_is_not(filled: Home) -> None:
    for path in filled.raw.glob("*/*"):
        path.unlink()
    found = of(filled, "readings_1m", NOON)
    assert found.origins[0].file.startswith("landing/")
    assert found.messages == {}


def test_a_message_that_still_waits_in_the_wal_too_is_found_there(filled: Home) -> None:
    assert of(filled, "readings_1m", NOON, metric=None).total == 80, "two metrics"


def test_what_is_not_there_is_said(filled: Home) -> None:
    with pytest.raises(WrongUse, match="no reading"):
        of(filled, "readings_1h", NOON.replace(hour=20))
    with pytest.raises(WrongUse, match="no table 'x'"):
        of(filled, "x", NOON)


def test_the_command_shows_the_payload(filled: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(filled.root))
    monkeypatch.delenv("SENSOR_PLATFORM_SITE", raising=False)
    arguments = ["trace", "--device", DEVICE, "--metric", "t", "--at", "2026-03-01T12:00:05"]
    result = CliRunner().invoke(cli, [*arguments, "--limit", "3"])
    assert result.exit_code == 0, result.output
    assert "50 readings" in result.stdout
    assert "47 more" in result.stdout
    assert '"t": 1.0' in result.stdout
    shown = json.loads(CliRunner().invoke(cli, [*arguments, "--json"]).stdout)
    assert json.loads(shown["origins"][3]["message"]["payload"])["t"] == 1.5


def test_an_imported_reading_is_not_missed_in_the_raw_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SENSOR_PLATFORM_SITE", raising=False)
    (tmp_path / "h.csv").write_text("device_id,time,t\na,2026-01-01T00:00:00,1\n")
    assert CliRunner().invoke(cli, ["import", str(tmp_path / "h.csv")]).exit_code == 0
    arguments = ["trace", "--device", "a", "--metric", "t", "--at", "2026-01-01T00:00"]
    shown = CliRunner().invoke(cli, arguments, catch_exceptions=False).stdout
    assert "imported: the position is the row" in shown
    assert "no longer" not in shown

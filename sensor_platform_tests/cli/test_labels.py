"""Labels as a command."""

import json
from pathlib import Path

import pytest

from sensor_platform.cli.labels import labels
from sensor_platform.errors import Missing
from sensor_platform.home import Home
from sensor_platform_tests.cli.running import said


def listed(*words: str) -> list[tuple[str, str, str, str]]:
    rows = [json.loads(line) for line in said(labels, "list", "--json", *words).splitlines()]
    return [(row["device_id"], row["label"], row["start_at"], row["end_at"]) for row in rows]


@pytest.mark.usefixtures("home")
def test_a_label_is_added_once_listed_and_removed_by_its_id() -> None:
    words = ("add", "pump 1", "failure", "--start", "2026-03-01T10:30", "--end", "2026-03-01T12:00+01:00")
    name = said(labels, *words).strip()
    assert said(labels, *words).strip() == name
    said(labels, "add", "pump 2", "service", "--start", "2026-03-02")
    first = ("pump 1", "failure", "2026-03-01T10:30:00Z", "2026-03-01T11:00:00Z")
    assert listed() == [first, ("pump 2", "service", "2026-03-02T00:00:00Z", "2026-03-02T00:00:00Z")]
    assert listed("--device", "pump 1") == [first]
    assert listed("--as-of", "2020-01-01") == [], "nothing was said then"
    assert said(labels, "remove", name) == f"{name}: failure of pump 1 at 2026-03-01T10:30:00Z counts no more\n"
    assert len(listed()) == 1


@pytest.mark.usefixtures("home")
def test_a_file_is_imported(tmp_path: Path) -> None:
    file = tmp_path / "failures.csv"
    file.write_text("machine,failed_at\na,2026-01-01T00:00:00Z\nb,2026-01-02T00:00:00Z\n")
    words = ("import", str(file), "--device", "machine", "--start", "failed_at", "--as", "failure")
    assert said(labels, *words) == "2 labels of 2 devices, 2 of them new\n"
    assert said(labels, *words) == "2 labels of 2 devices, 0 of them new\n"
    assert "(2 rows)" in said(labels, "list")


@pytest.mark.parametrize("kind", ["confirm", "reject"])
def test_only_an_alert_that_there_is_can_be_answered(home: Home, kind: str) -> None:
    home.live.mkdir(parents=True)
    with pytest.raises(Missing, match="there is no alert"):
        said(labels, kind, "3f2a")

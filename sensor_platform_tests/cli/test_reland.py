"""Landing again as a command."""

import pytest

from sensor_platform.cli.reland import reland
from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform_tests.cli.running import run, said
from sensor_platform_tests.landing.homes import Message, land_all, seal_segment


@pytest.fixture
def landed(home: Home) -> Home:
    seal_segment(home, 1, [Message(b'{"device_id":"a","t":1}')])
    land_all(home)
    return home


def test_what_the_archive_has_is_landed_again(landed: Home) -> None:
    (file,) = landed.landing.glob("*/*.parquet")
    file.unlink()
    result = run(reland)
    assert result.stdout.startswith("1 segments, 1 messages, 1 readings (+0 to before)\n")
    assert "reland: 1 of 1 segments" in result.stderr
    assert len(list(landed.landing.glob("*/*.parquet"))) == 1


@pytest.mark.usefixtures("landed")
def test_only_segments_that_arrived_on_the_days_are_landed_again() -> None:
    assert said(reland, "--from", "2026-03-02").startswith("0 segments")
    assert said(reland, "--to", "2026-03-01").startswith("1 segments")


@pytest.mark.usefixtures("landed")
def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(WrongUse, match="before it begins"):
        said(reland, "--from", "2026-03-02", "--to", "2026-03-01")


@pytest.mark.usefixtures("landed")
def test_what_has_no_archive_any_more_is_named(landed: Home) -> None:
    for file in landed.raw.glob("*/*"):
        file.unlink()
    assert "1 segments were not landed again" in run(reland).stderr

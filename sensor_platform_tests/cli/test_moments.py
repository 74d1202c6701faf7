"""Times on the command line: moments, days, and how long ago."""

from datetime import UTC, date, datetime, timedelta, timezone

import click
import pytest
from click.testing import CliRunner, Result

from sensor_platform.cli.moments import DAY, MOMENT, length_of, micros_ago, moment_or_ago
from sensor_platform.errors import WrongUse
from sensor_platform.kernel.clock import HOUR, now_micros


def _convert(kind: "click.ParamType[date]", text: str) -> tuple[Result, list[date]]:
    found: list[date] = []

    @click.command()
    @click.argument("value", type=kind)
    def command(value: date) -> None:
        found.append(value)

    return CliRunner().invoke(command, [text]), found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T12:00", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01T12:00:00Z", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01T12:00+02:00", datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))),
    ],
)
def test_a_moment_is_utc_where_it_names_no_zone(text: str, expected: datetime) -> None:
    result, found = _convert(MOMENT, text)
    assert result.exit_code == 0, result.output
    assert found == [expected]
    assert moment_or_ago(text) == expected


@pytest.mark.parametrize(("kind", "text"), [(MOMENT, "noon"), (MOMENT, "1h"), (DAY, "noon"), (DAY, "2026-02-30")])
def test_what_is_neither_is_wrong_use_with_an_example(kind: "click.ParamType[date]", text: str) -> None:
    result, found = _convert(kind, text)
    assert result.exit_code == 2
    assert "write 2026-03-01" in result.output
    assert found == []


def test_a_day_is_a_date() -> None:
    assert _convert(DAY, "2026-03-01")[1] == [date(2026, 3, 1)]


@pytest.mark.parametrize(("text", "length"), [("90m", 1.5 * HOUR), ("12h", 12 * HOUR), ("2w", 336 * HOUR)])
def test_how_long_ago_is_counted_from_now(text: str, length: float) -> None:
    before = now_micros()
    found = micros_ago(text)
    assert before - length <= found <= now_micros() - length
    assert length_of(text) == length
    earlier = datetime.now(UTC) - timedelta(microseconds=length)
    assert earlier <= moment_or_ago(text) <= datetime.now(UTC) - timedelta(microseconds=length)


@pytest.mark.parametrize("text", ["noon", "", "5", "490000w", "999999999d"])
def test_what_is_neither_a_moment_nor_a_duration_is_refused(text: str) -> None:
    with pytest.raises(WrongUse, match="is not a time"):
        moment_or_ago(text)


@pytest.mark.parametrize("text", ["noon", "", "999999999d", "9" * 500 + "s"])
def test_a_length_that_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(WrongUse, match="write a number and a unit"):
        length_of(text)

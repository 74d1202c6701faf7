"""Times on the command line: a moment (`2026-03-01T12:00`, by default UTC), a day, or how long ago (`30m`, `7d`)."""

from datetime import UTC, date, datetime, timedelta

import click

from sensor_platform.errors import WrongUse
from sensor_platform.kernel.clock import aware_utc, now_micros
from sensor_platform.kernel.durations import duration


class _Moment(click.ParamType[datetime]):
    name = "moment"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return aware_utc(value if isinstance(value, datetime) else datetime.fromisoformat(str(value)))
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a time; write 2026-03-01 or 2026-03-01T12:00", param, ctx)


class _Day(click.ParamType[date]):
    name = "day"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return value if isinstance(value, date) else date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a day; write 2026-03-01", param, ctx)


MOMENT = _Moment()
DAY = _Day()


def moment_or_ago(text: str) -> datetime:
    """Aware UTC time of a moment, or of so long before now.

    Raises:
        WrongUse: the text is neither.
    """
    try:
        return aware_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        pass
    try:
        return datetime.now(UTC) - timedelta(microseconds=duration(text))
    except (ValueError, OverflowError) as error:
        raise WrongUse(
            f"{text!r} is not a time", "write 2026-03-01T12:00 (UTC), or how long ago: 90s, 30m, 12h, 7d"
        ) from error


def micros_ago(text: str) -> int:
    """Microseconds since the epoch at so long before now.

    Raises:
        WrongUse: the text is not a duration.
    """
    return now_micros() - length_of(text)


def length_of(text: str) -> int:
    """Microseconds of a duration.

    Raises:
        WrongUse: the text is not a duration.
    """
    try:
        return duration(text)
    except ValueError as error:
        raise WrongUse(str(error), "write a number and a unit: 90s, 30m, 12h, 7d") from error

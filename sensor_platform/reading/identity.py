"""Device and event time of each record, and records that are rejected because of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sensor_platform.kernel.clock import utc_from_micros
from sensor_platform.reading.batch import TimeLimits
from sensor_platform.reading.fields import FieldReader, Group, Time
from sensor_platform.reading.local_times import FromArrival, UnclearTime
from sensor_platform.reading.model import Rejected
from sensor_platform.reading.names import MAX_NAME
from sensor_platform.reading.record_plan import RecordPlan
from sensor_platform.reading.reject_rules import rejected
from sensor_platform.reading.times import DateOnly, is_time_of_day

_ZEROS = ("'0000", "'00.00.0000", "'00/00/0000")
"""How reasons begin that quote a date of zeros."""


@dataclass(slots=True)
class Identity:
    """Columns, one element per record. Rejected records are in `bad`; their elements have no meaning."""

    devices: Sequence[str | None]
    event_at: list[int]
    is_device_time: list[bool]
    bad: dict[int, Rejected]
    uncertain: set[int] = field(default_factory=set)
    """Records whose time is only that at which a retained message was received."""
    unset: set[int] = field(default_factory=set)
    """Records whose clock is not set: their time is that at which they were received."""

    def pick(self, rows: Sequence[int]) -> "Identity":
        """The identity of some of the records."""
        return Identity(
            [self.devices[row] for row in rows],
            [self.event_at[row] for row in rows],
            [self.is_device_time[row] for row in rows],
            {},
            *({number for number, row in enumerate(rows) if row in some} for some in (self.uncertain, self.unset)),
        )


def identify(plan: RecordPlan, fields: FieldReader, limits: TimeLimits, group: Group) -> Identity:
    """Device and event time of every record."""
    bad: dict[int, Rejected] = {}
    uncertain: set[int] = set()
    devices = fields.texts(plan.device, group)
    _check_devices(devices, bad)
    found = fields.times(plan, group)
    unset = _unset_clocks(found, limits) if plan.contract.time.fallback == "receive_time" else set()
    if set(map(type, found)) == {int}:
        event_at: list[int] = found  # type: ignore[assignment] # as just seen
        is_device_time = [True] * len(found)
    else:
        _check_dates(group, found)
        event_at, is_device_time = _fill_times(plan, fields, group, found, devices, bad, unset)
        if fields.batch.retained:
            uncertain = _judge_retained(plan, fields, group, found, devices, bad)
    _check_limits(fields, limits, group, event_at, devices, bad)
    return Identity(devices, event_at, is_device_time, bad, uncertain, unset)


def _unset_clocks(found: list[Time], limits: TimeLimits) -> set[int]:
    """Take away times before the site's start, and dates of zeros; returns their records."""
    rows = {
        row
        for row, at in enumerate(found)
        if (isinstance(at, int) and at < limits.start) or (isinstance(at, str) and at.startswith(_ZEROS))
    }
    for row in rows:
        found[row] = None
    return rows


def _check_dates(group: Group, found: list[Time]) -> None:
    """Refuse a date without a time of day where another field of the record holds a time of day."""
    for row, at in enumerate(found):
        if not isinstance(at, DateOnly):
            continue
        clock = next((column[row] for column in group.columns if is_time_of_day(column[row])), None)
        found[row] = int(at) if clock is None else f"the date has no time of day, which is in another field: {clock!r}"


def _check_devices(devices: Sequence[str | None], bad: dict[int, Rejected]) -> None:
    distinct = set(devices)
    if None not in distinct and max(map(len, distinct), default=0) <= MAX_NAME:  # type: ignore[arg-type]
        return
    for row, device in enumerate(devices):
        if device is None:
            bad[row] = rejected("no_device", "no device id where the contract looks for one")
        elif len(device) > MAX_NAME:
            bad[row] = rejected("name_too_long", f"the device id has {len(device)} characters")


def _fill_times(
    plan: RecordPlan,
    fields: FieldReader,
    group: Group,
    found: list[Time],
    devices: Sequence[str | None],
    bad: dict[int, Rejected],
    unset: set[int],
) -> tuple[list[int], list[bool]]:
    """Use the receive time where there is no device time; reject records whose time is required or unreadable."""
    event_at: list[int] = []
    is_device_time: list[bool] = []
    for row, (time, message) in enumerate(zip(found, group.messages, strict=True)):
        received_at = fields.batch.received_at[message]
        at, rule = time, "bad_time"
        if isinstance(time, UnclearTime):
            arrival = None if message in fields.batch.retained else received_at
            at, rule = time.resolve(arrival, plan.contract.time.repeated_hour), "unclear_time"
        if isinstance(time, FromArrival):
            at = None if message in fields.batch.retained else received_at + time.micros
        is_device_time.append(isinstance(at, int) and not isinstance(time, FromArrival))
        event_at.append(at if isinstance(at, int) else received_at)
        if isinstance(at, str):
            bad.setdefault(row, rejected(rule, at, devices[row]))
        elif at is None and plan.contract.time.required and row not in unset:
            bad.setdefault(row, rejected("no_time", "no time where the contract looks for one", devices[row]))
    return event_at, is_device_time


def _judge_retained(
    plan: RecordPlan,
    fields: FieldReader,
    group: Group,
    found: list[Time],
    devices: Sequence[str | None],
    bad: dict[int, Rejected],
) -> set[int]:
    """Treat records of retained messages without a device time as the contract says; returns the uncertain ones."""
    rows = [
        row
        for row, (at, message) in enumerate(zip(found, group.messages, strict=True))
        if (at is None or isinstance(at, FromArrival)) and message in fields.batch.retained
    ]
    if plan.contract.retained == "quarantine":
        for row in rows:
            reason = "the broker had kept this message, and it has no time: it may be of any age"
            bad.setdefault(row, rejected("retained_without_time", reason, devices[row]))
    return set(rows) if plan.contract.retained == "uncertain" else set()


def _check_limits(
    fields: FieldReader,
    limits: TimeLimits,
    group: Group,
    event_at: list[int],
    devices: Sequence[str | None],
    bad: dict[int, Rejected],
) -> None:
    received_at = fields.batch.received_at
    first = min(map(received_at.__getitem__, group.messages), default=0)
    if (
        min(event_at, default=limits.start) >= limits.start
        and max(event_at, default=first) <= first + limits.max_future
    ):
        return
    for row, (at, message) in enumerate(zip(event_at, group.messages, strict=True)):
        if row in bad:
            continue
        if at < limits.start:
            start = utc_from_micros(limits.start).date()
            reason = f"{utc_from_micros(at).isoformat()} is before the site's start {start}"
            bad[row] = rejected("before_start", reason, devices[row])
        elif at > received_at[message] + limits.max_future:
            ahead = (at - received_at[message]) // 1_000_000
            reason = f"{utc_from_micros(at).isoformat()} is {ahead} s ahead of its arrival"
            bad[row] = rejected("in_the_future", reason, devices[row])

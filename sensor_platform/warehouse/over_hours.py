"""When an hour of a device is over. Only then is it learnt from, scored and judged: a part of it has another mean.

An hour of a device is over when a reading of a later hour of that device has arrived, or when it ended longer ago than
the site's `warehouse.allowed_lateness_hours`. Time is the smaller of the clock and the newest arrival: while the
platform receives nothing no hour becomes over by itself, and a device whose clock is ahead ends no hour early.
This is the only place of the rule, as SQL: for training, scoring and monitoring, and for the published views.
"""


def over_before(until: str, lateness: str) -> str:
    """SQL for one row per device that lately sent: hours that start before its `before` are over.

    Args:
        until: SQL for the time, plain UTC: the smaller of the clock and the newest arrival.
        lateness: SQL for the allowed lateness, an interval.
    """
    return f"""\
select
    h.device_id,
    least(date_trunc('hour', {until}), greatest(max(h.window_start), {over_everywhere(until, lateness)})) as before
from readings_1h as h
where h.window_start > {until} - {lateness} - interval 1 hour
group by h.device_id"""  # noqa: S608 - our own names


def over_everywhere(until: str, lateness: str) -> str:
    """SQL for the time before which hours are over on every device; arguments of `over_before`."""
    return f"date_trunc('hour', {until} - {lateness})"

"""Conditions for the next phase of the demo, and for its success. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sensor_platform.demo.facts import Facts

_FRESH = timedelta(hours=3)
"""How much older than the cut a metric's newest historical reading may be: real data have gaps."""


def unaccounted(facts: Facts) -> list[str]:
    """Number of messages without an outcome yet."""
    if facts.sent and facts.is_complete:
        return []
    return [f"{facts.sent:,} messages sent, {facts.accounted:,} landed, quarantined or duplicate"]


def before_the_tail(facts: Facts, metrics: Sequence[str], cut: datetime) -> list[str]:
    """Metrics without the predictions that the last day will be compared with."""
    issued = facts.answers.newest_issued if facts.answers else {}
    late = [metric for metric in metrics if metric not in issued or issued[metric] < cut - _FRESH]
    return unaccounted(facts) + [f"no prediction of {metric} from the end of the history yet" for metric in late]


def at_the_end(facts: Facts, metrics: Sequence[str]) -> list[str]:
    """Reasons for a failed verdict: an open audit equation, or predictions without actuals."""
    matched = facts.answers.matched if facts.answers else {}
    missing = [
        f"no prediction of {metric} stands beside its actual yet" for metric in metrics if not matched.get(metric)
    ]
    if not metrics:
        missing = ["the site forecasts no metric (forecast.metrics in site.yaml)"]
    return unaccounted(facts) + missing


def unsettled(facts: Facts) -> list[str]:
    """Whether Dagster still has work to do."""
    if facts.is_settled and facts.work is not None and not facts.work.busy_runs:
        return []
    return ["Dagster has not materialised everything that was landed yet"]

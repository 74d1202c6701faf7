"""Rule kind `no_data`: nothing arrives from a device, or of one of its metrics, for too long."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from sensor_platform.kernel.durations import duration
from sensor_platform.stream.alert_state import AlertState, Observation
from sensor_platform.stream.rule_kinds.rule import MetricRule, RuleObserver

if TYPE_CHECKING:
    from sensor_platform.stream.arrival_pauses import ArrivalPauses, LongPause
    from sensor_platform.stream.series import Ints, SeriesIndex


class NoData(MetricRule, frozen=True, kw_only=True, tag="no_data"):
    """Nothing arrives: from a device, or of a metric of it."""

    metric: str = ""
    """Glob; empty for the device as a whole."""
    after: str = ""
    """Longest pause; empty for `factor` times the usual pause between two arrivals, learned from the last sixteen."""
    factor: float = 5.0
    at_least: str = "10s"
    """Lower bound of a learned limit."""

    @property
    def is_about_devices(self) -> bool:
        """Whether it is about devices as a whole."""
        return not self.metric

    def observer(self, index: "SeriesIndex") -> RuleObserver:
        """Measures the pauses between arrivals."""
        from sensor_platform.stream.arrival_pauses import ArrivalPauses

        del index
        given = duration(self.after) if self.after else None
        return NoDataObserver(ArrivalPauses(given, self.factor, duration(self.at_least)), self.level)

    def limit_text(self) -> str:
        """For instance `nothing for 7s`."""
        return f"nothing for {self.after or 'longer than usual'}"


@dataclass(slots=True)
class NoDataObserver(RuleObserver):
    """The deadline of a pause is in arrival time; the value of an observation is the limit in seconds."""

    pauses: "ArrivalPauses"
    level: int
    is_about_arrivals: ClassVar[bool] = True

    def arrivals(
        self, key: "Ints", received_at: "Ints", event_at: "Ints", alerts: Mapping[int, AlertState]
    ) -> Iterable[tuple[int, Observation]]:
        """Pauses that were too long and have ended, then the end of what was firing."""
        import numpy as np

        from sensor_platform.stream.equal_runs import run_starts

        ended: dict[int, int] = {}
        for pause in self.pauses.take(key, received_at, event_at):
            yield pause.key, self._too_long(pause)
            yield pause.key, Observation(pause.event_at, pause.ended_at, 0.0, 0, 0)
            ended[pause.key] = pause.ended_at
        if alerts:
            first = run_starts(key)
            for row in first[np.isin(key[first], list(alerts))].tolist():
                one = int(key[row])
                at = max(ended.get(one, int(received_at[row])), alerts[one].received_at)
                yield one, Observation(int(event_at[row]), at, 0.0, 0, 0)

    def due(self, now: int, alerts: Mapping[int, AlertState]) -> Iterable[tuple[int, Observation]]:
        """Pauses that are too long by now and still go on, unless their alert fires already."""
        for pause in self.pauses.overdue(now):
            alert = alerts.get(pause.key)
            if alert is None or not alert.level:
                yield pause.key, self._too_long(pause)

    def set_back(self, now: int) -> None:
        """Nothing arrived later than `now`."""
        self.pauses.set_back(now)

    def forget(self, keys: "Ints") -> None:
        """Wait for them no more."""
        self.pauses.forget(keys)

    def dump(self) -> dict[str, Any]:
        """Arrivals and learned pauses."""
        return {"silence": self.pauses.dump()}

    def load(self, saved: dict[str, Any]) -> None:
        """Take over arrivals and learned pauses."""
        self.pauses.load(saved["silence"])

    def _too_long(self, pause: "LongPause") -> Observation:
        return Observation(pause.event_at, pause.since + pause.limit, pause.limit / 1e6, self.level, self.level)

"""Rule kind `expression`: a condition over the newest values of several metrics of one device."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sensor_platform.kernel.durations import duration
from sensor_platform.stream.rule_kinds.rule import SERIES_PREFIXES, Rule, RuleObserver

if TYPE_CHECKING:
    from sensor_platform.stream.columns import Floats, Readings
    from sensor_platform.stream.expression import Expression
    from sensor_platform.stream.growable import GrowableColumns
    from sensor_platform.stream.observations import Observations, PreviousReadings
    from sensor_platform.stream.series import Ints, SeriesIndex


class Condition(Rule, frozen=True, kw_only=True, tag="expression"):
    """Several metrics of one device."""

    when: str
    max_age: str = "5m"
    """An older value is treated as missing."""

    def __post_init__(self) -> None:
        """Compile the condition.

        Raises:
            ValueError: it is not allowed, or `max_age` is not a duration.
        """
        super(Condition, self).__post_init__()  # noqa: UP008 - slots make a new class
        self.expression()
        duration(self.max_age)

    @property
    def is_about_devices(self) -> bool:
        """Its metrics are those of one device."""
        return True

    def expression(self) -> "Expression":
        """The compiled condition; NumPy is loaded only where a site has one."""
        from sensor_platform.stream.expression import parse

        return parse(self.when)

    def is_about_metric(self, metric: str) -> bool:
        """Whether the condition names the metric."""
        return metric in self.expression().metrics and not metric.startswith(SERIES_PREFIXES)

    def observer(self, index: "SeriesIndex") -> RuleObserver:
        """Evaluates the condition."""
        from sensor_platform.stream.growable import GrowableColumns
        from sensor_platform.stream.series import NEVER

        expression = self.expression()
        newest = {
            name: GrowableColumns({"value": ("f8", float("nan")), "at": ("i8", NEVER)}) for name in expression.metrics
        }
        return ConditionObserver(index, expression, duration(self.max_age), self.level, newest)

    def limit_text(self) -> str:
        """The condition itself."""
        return self.when


@dataclass(slots=True)
class ConditionObserver(RuleObserver):
    """Remembers the newest value of each metric of each device. Takes each message as a whole."""

    index: "SeriesIndex"
    expression: "Expression"
    max_age: int
    level: int
    newest: dict[str, "GrowableColumns"]

    def observe(self, readings: "Readings", previous: "PreviousReadings") -> "Observations":
        """One observation per device and message that has one of the metrics."""
        import numpy as np

        from sensor_platform.stream.observations import Observations

        del previous
        device = self.index.by_series["device"][readings.series]
        order = np.lexsort((readings.message, device))
        readings, device = readings.pick(order), device[order]
        metric = self.index.by_series["metric"][readings.series]
        is_new = np.concatenate([[True], (device[1:] != device[:-1]) | (readings.message[1:] != readings.message[:-1])])
        first = np.flatnonzero(is_new)
        event = np.cumsum(is_new) - 1
        at = np.maximum.reduceat(readings.event_at, first)
        values = {
            name: self._values(name, device[first], event[rows], readings.value[rows], at)
            for name in self.expression.metrics
            for rows in [np.flatnonzero(metric == self.index.metric_number(name))]
        }
        is_true = np.broadcast_to(self.expression.evaluate(values), len(first))
        levels = np.where(is_true, self.level, 0).astype(np.uint8)
        shown = next(iter(values.values()))
        return Observations(device[first], at, readings.received_at[first], shown, levels, levels)

    def dump(self) -> dict[str, Any]:
        """Newest values by metric."""
        return {"last": {name: newest.dump() for name, newest in self.newest.items()}}

    def load(self, saved: dict[str, Any]) -> None:
        """Take over newest values by metric."""
        for name, newest in saved["last"].items():
            self.newest[name].load(newest)

    def _values(self, name: str, device: "Ints", event: "Ints", value: "Floats", at: "Ints") -> "Floats":
        """The metric's value at each event: of this message, of an earlier one, or from before the batch."""
        import numpy as np

        from sensor_platform.stream.equal_runs import newest_known_row

        stored = self.newest[name]
        stored.grow(len(self.index.devices))
        column = np.full(len(device), np.nan)
        column[event] = value
        source = newest_known_row(device, ~np.isnan(column))
        found = np.maximum(source, 0)
        newest = np.where(source >= 0, column[found], stored["value"][device])
        newest_at = np.where(source >= 0, at[found], stored["at"][device])
        stored["value"][device] = newest
        stored["at"][device] = newest_at
        return np.where(newest_at >= at - self.max_age, newest, np.nan)

"""Settings of a supervised task: the meaning of its labels, its inputs, and the cost of mistakes."""

import re
from typing import Literal

import msgspec

Kind = Literal["failure", "classes", "remaining_life"]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
COLUMNS = (
    "value",
    *(f"{what}_{window}" for window in (6, 24, 168) for what in ("mean", "std")),
    "same_hour_mean",
    "network_mean",
)
"""Columns of a metric in the features table that may be inputs."""
DERIVED = ("off_mean", "off_start")
"""Derived inputs: the distance from the mean of the week, and from the first day of the run-to-failure cycle."""
AGE = "age_hours"


class Costs(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Cost of the two kinds of mistakes, in any unit."""

    missed: float = 10.0
    """Cost of an hour before a failure without an alarm."""
    false_alarm: float = 1.0
    """Cost of an alarm in an hour that no failure follows."""

    def __post_init__(self) -> None:
        """Check the range.

        Raises:
            ValueError: a cost is not above 0.
        """
        if min(self.missed, self.false_alarm) <= 0:
            raise ValueError("costs must be above 0")


class TaskConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One entry of section `supervised` of site.yaml."""

    name: str
    """Name of the task, of its model, and in `POST /api/predict/NAME`."""
    kind: Kind
    """`failure` (one begins within the horizon), `classes` (the label of an hour), or `remaining_life`."""
    labels: tuple[str, ...] = ()
    """Texts of the labels that count; for `classes` the classes. Empty: all labels that did not come from alerts."""
    metrics: tuple[str, ...] = ()
    """Metrics all of whose features are inputs."""
    inputs: dict[str, str] = {}
    """Instead of `metrics`: source of each input by name, such as `metric`, `metric.mean_24` or `age_hours`."""
    defaults: dict[str, float] = {}
    """Value of an input where it is missing, by name."""
    required: tuple[str, ...] = ()
    """Metrics that an hour must have to be scored."""
    horizon_hours: int = 24
    """Hours ahead within which a failure counts."""
    most_hours: int = 720
    """`remaining_life`: upper limit of the predicted hours."""
    costs: Costs = Costs()
    class_costs: dict[str, float] = {}
    """`classes`: cost of missing each class; 1 by default."""
    label_delay_hours: int = 0
    """Labels of this many newest hours may still be missing, so these hours are not used for training."""
    train_days: int = 730
    seed: int = 7
    is_trained: bool = True
    """False for an external model that is never retrained."""

    def __post_init__(self) -> None:
        """Check the settings; msgspec turns the ValueError into a message with file and line.

        Raises:
            ValueError: a setting is out of range, or settings contradict each other.
        """
        if not NAME.fullmatch(self.name):
            raise ValueError("the name of a task must consist of letters, digits, dots, dashes and underscores")
        if bool(self.metrics) == bool(self.inputs):
            raise ValueError("a task needs exactly one of metrics and inputs")
        if min(self.horizon_hours, self.most_hours, self.train_days) < 1 or self.label_delay_hours < 0:
            raise ValueError("horizon_hours, most_hours, train_days must be at least 1, label_delay_hours at least 0")
        if self.class_costs and (self.kind != "classes" or min(self.class_costs.values()) <= 0):
            raise ValueError("class_costs need kind: classes, and must be above 0")
        unknown = set(self.defaults) - set(self.sources)
        if unknown:
            raise ValueError(f"defaults name {min(unknown)!r}, which is not an input")
        if self.kind == "classes" and AGE in self.sources.values():
            raise ValueError("a task of kind classes has no run-to-failure cycles, so it has no age_hours")

    @property
    def sources(self) -> dict[str, str]:
        """Source of each input by name, in the order of the model."""
        if self.inputs:
            return dict(self.inputs)
        columns = ["value", *COLUMNS[1:7], "off_mean"] + (["off_start"] if self.has_cycles else [])
        made = {
            metric if column == "value" else f"{metric}.{column}": f"{metric}.{column}"
            for metric in self.metrics
            for column in columns
        }
        return made | ({AGE: AGE} if self.has_cycles else {})

    @property
    def has_cycles(self) -> bool:
        """Whether a label ends a run-to-failure cycle of the device."""
        return self.kind != "classes"

    @property
    def looked_at(self) -> tuple[str, ...]:
        """Metrics whose features are needed, in order of first use."""
        parsed = [split_source(source)[0] for source in self.sources.values() if source != AGE]
        return tuple(dict.fromkeys([*parsed, *self.required]))


def split_source(source: str) -> tuple[str, str]:
    """Metric and column of a source; the metric alone means its hourly mean."""
    metric, dot, column = source.rpartition(".")
    return (metric, column) if dot and column in {*COLUMNS, *DERIVED} else (source, "value")

"""What a supervised task is told: what its labels mean, what it looks at, what mistakes cost."""

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
"""What the features table has of a metric that a task may look at,"""
DERIVED = ("off_mean", "off_start")
"""and what is derived: the distance from the week's mean, and from the first day of this life."""
AGE = "age_hours"


class Costs(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the two mistakes cost, in any one unit."""

    missed: float = 10.0
    """An hour before a failure without an alarm."""
    false_alarm: float = 1.0
    """An alarm in an hour that no failure follows."""

    def __post_init__(self) -> None:
        """Refuse costs that decide nothing."""
        if min(self.missed, self.false_alarm) <= 0:
            raise ValueError("costs are above 0")


class TaskConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One entry of section `supervised` of site.yaml."""

    name: str
    """Of the task, of its model and of `POST /api/predict/NAME`."""
    kind: Kind
    """`failure` (does one begin within the horizon), `classes` (which label an hour has), or `remaining_life`."""
    labels: tuple[str, ...] = ()
    """Texts of the labels that count; for `classes` the classes. None: all but the answers to alerts."""
    metrics: tuple[str, ...] = ()
    """Metrics whose features are all inputs."""
    inputs: dict[str, str] = {}
    """Instead of that: name of the input to `metric`, `metric.mean_24` and so on, or `age_hours`."""
    defaults: dict[str, float] = {}
    """By input, where there is no value."""
    required: tuple[str, ...] = ()
    """Metrics without which an hour is not scored."""
    horizon_hours: int = 24
    """How far ahead a failure counts."""
    most_hours: int = 720
    """`remaining_life`: more than this is said to be this."""
    costs: Costs = Costs()
    class_costs: dict[str, float] = {}
    """`classes`: what missing each costs; 1 where nothing is said."""
    label_delay_hours: int = 0
    """Labels of the newest hours may still be missing: they are not learnt from."""
    train_days: int = 730
    seed: int = 7
    is_trained: bool = True
    """False for a model that was dropped in and is to stay."""

    def __post_init__(self) -> None:
        """Refuse what nothing can be learnt by; msgspec turns the ValueError into a message with file and line."""
        if not NAME.fullmatch(self.name):
            raise ValueError("the name of a task has letters, digits, dots, dashes and underscores")
        if bool(self.metrics) == bool(self.inputs):
            raise ValueError("a task needs exactly one of metrics and inputs")
        if min(self.horizon_hours, self.most_hours, self.train_days) < 1 or self.label_delay_hours < 0:
            raise ValueError("horizon_hours, most_hours, train_days are at least 1, label_delay_hours is not below 0")
        if self.class_costs and (self.kind != "classes" or min(self.class_costs.values()) <= 0):
            raise ValueError("class_costs are for classes, and above 0")
        unknown = set(self.defaults) - set(self.sources)
        if unknown:
            raise ValueError(f"defaults name {min(unknown)!r}, which is no input")
        if self.kind == "classes" and AGE in self.sources.values():
            raise ValueError("classes have no lives, so no age_hours")

    @property
    def sources(self) -> dict[str, str]:
        """Name of each input to what it is made of, in order."""
        if self.inputs:
            return dict(self.inputs)
        columns = ["value", *COLUMNS[1:7], "off_mean"] + (["off_start"] if self.has_lives else [])
        made = {
            metric if column == "value" else f"{metric}.{column}": f"{metric}.{column}"
            for metric in self.metrics
            for column in columns
        }
        return made | ({AGE: AGE} if self.has_lives else {})

    @property
    def has_lives(self) -> bool:
        """Whether a label ends a life of the device and begins the next."""
        return self.kind != "classes"

    @property
    def looked_at(self) -> tuple[str, ...]:
        """Metrics whose features are needed, in order."""
        parsed = [split(source)[0] for source in self.sources.values() if source != AGE]
        return tuple(dict.fromkeys([*parsed, *self.required]))


def split(source: str) -> tuple[str, str]:
    """Metric and column of an input; the metric alone means its hourly mean."""
    metric, dot, column = source.rpartition(".")
    return (metric, column) if dot and column in {*COLUMNS, *DERIVED} else (source, "value")

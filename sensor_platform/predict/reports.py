"""Results of the jobs of this room, for the metadata of runs. Tables are tuples of rows, one dict per row."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime

Cell = str | int | float | None
Row = dict[str, Cell]


@dataclass(frozen=True, slots=True)
class FeaturesReport:
    """One build of `features`."""

    windows: int
    """Hours rebuilt; 0 where nothing was dirty."""
    rows: int
    newest_hour: datetime | None
    """Newest hour among the rebuilt rows, aware UTC."""
    by_metric: tuple[Row, ...]
    """metric, rows, devices"""
    new_metrics: tuple[str, ...] = ()
    """Metrics configured since the table was made: their whole history was built, whatever days were asked for."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class AnomalyBuild:
    """One build of `anomalies`."""

    windows: int
    rows: int
    flagged: int
    newest_hour: datetime | None
    by_metric: tuple[Row, ...]
    """metric, rows, flagged, devices, newest_threshold"""
    strongest: tuple[Row, ...]
    """The up to 20 flagged hours of the highest score, with their reasons."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class MetricTraining:
    """Result of a training for one metric."""

    metric: str
    trained: bool
    promoted: bool
    why: str
    """Why it was promoted or not, or why it waits."""
    model_id: str | None = None
    trained_to: datetime | None = None
    examples: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TrainReport:
    """One training of all configured metrics."""

    metrics: tuple[MetricTraining, ...]
    backtest: tuple[Row, ...] = field(default=())
    """One row per metric and horizon: errors of the candidates, what is served and why, coverage, margin."""
    score_days: tuple[date, date] | None = None
    """Days with forecasts that first models make possible, to be scored next without a position; None if none are."""
    seconds: float = 0.0
    pictures: dict[str, bytes] = field(default_factory=dict)
    """A PNG by metric, of at most the first eight."""

    @property
    def promoted(self) -> int:
        """Number of new champions."""
        return sum(each.promoted for each in self.metrics)


@dataclass(frozen=True, slots=True)
class ForecastScoreReport:
    """One scoring."""

    windows: int
    rows: int
    newest_issued_at: datetime | None
    """Aware UTC; None where nothing was forecast."""
    by_model: tuple[Row, ...]
    """metric, model_id, rows, devices, note; and for a metric without a model the reason"""
    by_served: tuple[Row, ...]
    """metric, horizon_hours, served, rows"""
    note: str = "only hours after the model's trained_to are forecast: a fit is not a forecast"
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TaskTraining:
    """Result of a training for one supervised task."""

    task: str
    trained: bool
    promoted: bool
    why: str
    """Why it was promoted or not, or why it waits."""
    model_id: str | None = None
    rows: int = 0
    devices: int = 0
    folds_by: str = ""
    """What was held out: `device`, or `time` where there is one device."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TaskTrainReport:
    """One training of all supervised tasks."""

    tasks: tuple[TaskTraining, ...]
    estimates: tuple[Row, ...]
    """One row per trained task: how good it was on devices held out."""
    score_days: tuple[date, date] | None
    """Days that first models make scorable."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TaskScoreReport:
    """One scoring of all supervised tasks."""

    windows: int
    rows: int
    newest_hour: datetime | None
    by_task: tuple[Row, ...]
    """task, rows, devices, alarms, note"""
    alarms: tuple[Row, ...]
    """The up to 20 newest alarms, with their reasons."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TrainingNeed:
    """A configured metric without a usable champion."""

    metric: str
    why: str
    last_asked_at: datetime | None
    """When a training last found too little history, aware UTC: until there is more, asking again changes nothing."""


def utc(moment: datetime | None) -> datetime | None:
    """A plain UTC time of a table as the aware one that Python uses."""
    return moment.replace(tzinfo=UTC) if moment else None

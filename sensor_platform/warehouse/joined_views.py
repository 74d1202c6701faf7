"""Published views over published tables: they hold no rows and no state, so they cost nothing to keep."""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JoinedView:
    """One view and the tables that it reads."""

    name: str
    tables: tuple[str, ...]
    sql: str


_PREDICTION_ACCURACY = """\
create view "prediction_accuracy" as
select
    p.device_id,
    p.metric,
    p.issued_at,
    p.horizon_hours,
    p.target_at,
    p.served,
    p.value,
    p.persistence,
    p.seasonal_naive,
    p.weekly_naive,
    p.linear,
    p.average,
    p.lightgbm,
    p.lower,
    p.upper,
    p."interval",
    p.raw_lower,
    p.raw_upper,
    p.width,
    a.mean as actual,
    p.value - a.mean as error,
    p.lightgbm - a.mean as error_lightgbm,
    a.mean between p.lower and p.upper as is_inside,
    p.model_id,
    p.trained_to,
    p.revision,
    p.created_at,
    p.day
from predictions as p
inner join readings_1h as a
    on a.device_id = p.device_id and a.metric = p.metric and a.window_start = p.target_at
where a.mean is not null"""

JOINED = (JoinedView("prediction_accuracy", ("predictions", "readings_1h"), _PREDICTION_ACCURACY),)
"""`prediction_accuracy`: one row per prediction whose target hour has a value, which moves until that hour is over."""


def statements(tables: Collection[str]) -> list[str]:
    """The views that these published tables allow."""
    return [view.sql for view in JOINED if set(view.tables) <= set(tables)]

"""Published views over published tables: they hold no rows and no state, so they cost nothing to keep."""

from collections.abc import Collection
from dataclasses import dataclass

from sensor_platform.warehouse.candidate_columns import CANDIDATE_COLUMNS
from sensor_platform.warehouse.over_hours import over_before, over_everywhere
from sensor_platform.warehouse.prediction_tables import in_force_at_target
from sensor_platform.warehouse.published.derived import IS_HINDSIGHT, NOW


@dataclass(frozen=True, slots=True)
class JoinedView:
    """One view and the tables that it reads."""

    name: str
    tables: tuple[str, ...]
    sql: str


_READ = (
    *("device_id", "metric", "issued_at", "horizon_hours", "target_at", "served", "value", *CANDIDATE_COLUMNS, "lower"),
    *("upper", "interval", "raw_lower", "raw_upper", "width", "model_id", "trained_to", "inputs_position", "revision"),
    "created_at",
)
_ARRIVED = f"""\
select
    least({NOW}, coalesce(max(d.last_received_at), {NOW})) as until,
    case
        when max(d.last_received_at) is null then interval 0 hours
        else to_microseconds(cast(max(s.allowed_lateness_hours) * 3600000000 as bigint))
    end as lateness
from device_status as d
cross join catalog_site as s"""  # noqa: S608 - our own names
_UNTIL, _LATENESS = "(select r.until from arrived as r)", "(select r.lateness from arrived as r)"
_OVER = f"""\
with arrived as (
{_ARRIVED}
),
over_hours as (
{over_before(_UNTIL, _LATENESS)}
),
"""


def _accuracy(in_force: str, over: str = "with ", is_over: str = "") -> str:
    before, after = _READ[: _READ.index("model_id")], _READ[_READ.index("model_id") :]
    return f"""\
create view "prediction_accuracy" as
{over}in_force as (
{in_force}
)
select
    {", ".join(f'p."{name}"' for name in before)},
    a.mean as actual,
    p.value - a.mean as error,
    p.lightgbm - a.mean as error_lightgbm,
    a.mean between p.lower and p.upper as is_inside,
    {", ".join(f'p."{name}"' for name in after)},
    cast(p.issued_at as date) as day
from in_force as p
inner join readings_1h as a
    on a.device_id = p.device_id and a.metric = p.metric and a.window_start = p.target_at
where a.mean is not null{is_over}"""  # noqa: S608 - our own names


_IS_OVER = f"""
    and p.target_at < coalesce(
        (select o.before from over_hours as o where o.device_id = p.device_id), {over_everywhere(_UNTIL, _LATENESS)}
    )"""  # noqa: S608 - our own names

_ANOMALY_EVENTS = """\
create view "anomaly_events" as
with flagged as (
    select *, window_start - lag(window_start) over (partition by device_id, metric order by window_start) as apart
    from anomalies
    where is_anomaly
),
numbered as (
    select *, count(*) filter (where apart is null or apart > interval 3 hours)
        over (partition by device_id, metric order by window_start) as event
    from flagged
)
select
    device_id,
    metric,
    min(window_start) as started_at,
    max(window_start) + interval 1 hour as ended_at,
    count(*) as flagged_hours,
    max_by(window_start, {'score': score, 'sooner': -epoch_us(window_start)}) as peak_at,
    max(score) as peak_score,
    max_by(direction, {'score': score, 'sooner': -epoch_us(window_start)}) as direction,
    max_by(deviation, {'score': score, 'sooner': -epoch_us(window_start)}) as deviation,
    max_by(reason, {'score': score, 'sooner': -epoch_us(window_start)}) as reason,
    cast(min(window_start) as date) as day
from numbered
group by device_id, metric, event"""


_SUPERVISED_ACCURACY = """\
create view "supervised_accuracy" as
with known as (
    select
        s.*,
        a.answer,
        least(epoch(a.ends_at - s.window_start) / 3600, a.most_hours) as actual_hours,
        map_extract(cast(cast(s.probabilities as json) as map(varchar, double)), a.answer)[1] as chance,
        case when s.kind = 'classes' then s.class = a.answer else s.is_alarm = (a.answer = 'yes') end as is_right,
        a.cost_of_mistake
    from supervised_scores as s
    inner join supervised_answers as a
        on a.task = s.task and a.device_id = s.device_id and s.window_start between a.first_at and a.last_at
)
select
    * exclude (probabilities, reason, missing_inputs, cost_of_mistake),
    coalesce(value - actual_hours, 1 - chance) as error,
    -ln(greatest(chance, 1e-6)) as log_loss,
    actual_hours between lower and upper as is_inside,
    case when is_right then 0 else cost_of_mistake end as cost
from known"""


_UNMARKED = "columns('^([^i]|i[^s]|is[^_])')"
"""All but `is_hindsight`, which the published `predictions` have already and a warehouse's own table does not. An
expression, because DuckDB 1.1 has no `lambda`."""


def _history(table: str, superseded: str, name: str, unmarked: str = "*", marks: str = "") -> str:
    return f"""\
create view "{name}" as
select {unmarked}, cast(null as timestamp) as superseded_at{marks} from {table}
union all by name
select {unmarked}{marks} from {superseded}"""  # noqa: S608 - our own names


def _as_of(table: str) -> str:
    return f"""\
create macro {table}_as_of(moment) as table
select * from {table}
where created_at <= moment and (superseded_at is null or superseded_at > moment)"""  # noqa: S608 - our own names


_PREDICTIONS = ("predictions", "predictions_superseded")
_IN_TIME = "select * from predictions where created_at < target_at"
_JUDGED = (*_PREDICTIONS, "readings_1h", "device_status", "catalog_site")
_SUPERVISED = ("supervised_scores", "supervised_superseded")
_ANSWERED = ("supervised_scores", "supervised_answers")

JOINED = (
    JoinedView("prediction_accuracy", _JUDGED, _accuracy(in_force_at_target(_READ), _OVER, _IS_OVER)),
    JoinedView("prediction_accuracy", ("predictions", "readings_1h"), _accuracy(_IN_TIME)),
    JoinedView("anomaly_events", ("anomalies",), _ANOMALY_EVENTS),
    JoinedView(
        "prediction_history",
        _PREDICTIONS,
        _history(*_PREDICTIONS, "prediction_history", _UNMARKED, f", {IS_HINDSIGHT}"),
    ),
    JoinedView("prediction_history_as_of", _PREDICTIONS, _as_of("prediction_history")),
    JoinedView("supervised_history", _SUPERVISED, _history(*_SUPERVISED, "supervised_history")),
    JoinedView("supervised_history_as_of", _SUPERVISED, _as_of("supervised_history")),
    JoinedView("supervised_accuracy", _ANSWERED, _SUPERVISED_ACCURACY),
    JoinedView("label_history_as_of", ("label_history",), _as_of("label_history")),
)
"""`prediction_accuracy`: one row per prediction in force when its target hour began, once that hour is over.
A folder of an earlier release that lacks tables has the plain one.
`prediction_history`: one row per revision of a prediction, `superseded_at` null for the one in force; the macro
`prediction_history_as_of(T)` returns the predictions in force at T; likewise for the scores of supervised tasks.
`supervised_accuracy`: one row per score whose answer is known from the labels of now. `label_history_as_of(T)`: the
labels that counted at T.
`anomaly_events`: one row per run of flagged hours of a device and metric that lie at most 3 hours apart."""


def statements(tables: Collection[str]) -> list[str]:
    """The views that these published tables allow; of two with the same name the first."""
    found: dict[str, str] = {}
    for view in JOINED:
        if set(view.tables) <= set(tables):
            found.setdefault(view.name, view.sql)
    return list(found.values())

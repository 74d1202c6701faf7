"""Result tables of an evaluation as text."""

import math
from collections.abc import Iterable, Sequence

from sensor_platform.predict.evaluate.anomaly_evaluation import AnomalyReport, OperatingPoint
from sensor_platform.predict.evaluate.forecast_evaluation import HorizonErrors, TargetReport, best_baseline
from sensor_platform.predict.forecast.candidates.candidate_table import CANDIDATES

_SHORT = {"persistence": "last", "seasonal_naive": "seasonal", "weekly_naive": "weekly"}


def forecast_lines(report: TargetReport) -> Iterable[str]:
    """Lines of the report on one target."""
    yield ""
    if not report.rows:
        yield f"{report.target}: {report.status}"
        return
    yield f"{report.target}: trained on {report.trained_rows:,} values, evaluated on {report.tested_rows:,} forecasts"
    yield f"  LightGBM's target: {report.recipe}; evidence for the width of intervals: {report.interval_rests_on}"
    names = [name for name in CANDIDATES if name in report.rows[0].mae]
    heads = ["horizon", "rows", *(_SHORT.get(name, name) for name in names), "served", "served is", "coverage", "width"]
    yield from _aligned([heads, *(_cells(row, names) for row in report.rows)])
    whole = report.rows[-1]
    name, best = best_baseline(whole)
    yield f"  served {_number(whole.mae_served)} against {_number(best)} of the best baseline ({name}): " + _compared(
        whole.mae_served, best
    )
    worse = [row.horizons for row in report.by_horizon if row.mae_served > best_baseline(row)[1] * 1.01]
    yield "  horizons more than 1 % worse than the best baseline: " + (", ".join(worse) or "none")


def anomaly_lines(report: AnomalyReport, series: int) -> Iterable[str]:
    """Lines of the report on anomaly scores; `series` is the number of series in the file."""
    yield ""
    yield f"anomalies: {report.anomalous:,} of {report.rows:,} evaluated rows are labelled, {report.sensors} sensors"
    if report.series > series:
        yield f"  values jump across pauses: {report.series:,} stretches were treated as separate series"
    if report.warm_up_rows:
        yield f"  {report.warm_up_rows:,} first rows of series without history are their reference, not evaluated"
    if report.empty_rows:
        alarm = "alarms" if report.is_empty_flagged else "not alarms"
        yield (
            f"  {report.empty_rows:,} rows without any value are {alarm} because of the labels before the test;"
            f" {report.empty_anomalous:,} of them are labelled"
        )
    yield f"  served: {report.served} ({report.why}), at {report.served_rate:.0%} expected false alarms"
    heads = ["score", "AUC", "expected", "false alarms", "missed", "F1", "events found", "delay"]
    rows = [[each.score, _share(each.auc), *_point(point)] for each in report.scores for point in each.points]
    yield from _aligned([heads, *rows])
    for each in report.scores:
        best = _share(each.best_f1)
        yield f"  {each.score}: best F1 with at most 15 % false alarms {best} (threshold chosen by the test labels)"
    if report.sensors > 1:
        alone = ", ".join(f"{name} {_share(value)}" for name, value in report.by_sensor.items())
        yield f"  AUC of each sensor alone: {alone}"
    if all(point.threshold == math.inf for each in report.scores for point in each.points):
        yield "  too few normal rows lie before the test: no threshold could be made, so there are no alarms"
    yield "  thresholds are made from the part before the test; delay is the median in steps"


def _point(point: OperatingPoint) -> list[str]:
    found = point.judgement
    return [
        f"{point.expected_false_alarms:.0%}",
        _share(found.false_alarm_rate),
        _share(found.missed_alarm_rate),
        _share(found.f1),
        f"{found.events_found} of {found.events}",
        "-" if found.delay_steps is None else f"{found.delay_steps:g}",
    ]


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _cells(row: HorizonErrors, names: Sequence[str]) -> list[str]:
    main = max(row.served, key=lambda each: row.served[each])
    share = row.served[main]
    return [
        row.horizons,
        f"{row.rows:,}",
        *(_number(row.mae[name]) for name in names),
        _number(row.mae_served),
        main if share > 0.995 else f"{main} {share:.0%}",
        f"{row.coverage:.3f}",
        _number(row.width),
    ]


def _aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        yield "  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))


def _number(value: float) -> str:
    return f"{value:.4g}"


def _compared(own: float, best: float) -> str:
    if best == 0:
        return "both are exact" if own == 0 else "the baseline is exact"
    return f"{abs(own / best - 1):.1%} {'better' if own <= best else 'worse'}"

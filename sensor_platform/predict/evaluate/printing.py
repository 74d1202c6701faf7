"""The honest tables of an evaluation, for a person."""

from collections.abc import Iterable, Sequence

from sensor_platform.predict.candidates.baselines import CANDIDATES
from sensor_platform.predict.evaluate.forecasting import Row, TargetReport, best_baseline

_SHORT = {"persistence": "last", "seasonal_naive": "seasonal", "weekly_naive": "weekly"}


def forecast_lines(report: TargetReport) -> Iterable[str]:
    """Lines about one target."""
    yield ""
    if not report.rows:
        yield f"{report.target}: {report.status}"
        return
    yield f"{report.target}: learnt from {report.trained_rows:,} values, judged on {report.tested_rows:,} forecasts"
    yield f"  LightGBM's target: {report.recipe}; widening of intervals rests on: {report.interval_rests_on}"
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


def _cells(row: Row, names: Sequence[str]) -> list[str]:
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

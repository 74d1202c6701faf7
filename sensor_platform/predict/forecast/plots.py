"""How a trained forecaster did, as one small picture: errors, coverage, forecasts beside actuals, contributions.

Bounded: one PNG of some tens of kilobytes per metric, drawn from at most a few thousand rows of the backtest.
"""

import io
from typing import TYPE_CHECKING

import numpy as np

from sensor_platform.predict.features.matrix import InputLayout, PanelSource
from sensor_platform.predict.forecast.candidates.boosted import LIGHTGBM, Boosted, scaled_inputs
from sensor_platform.predict.forecast.promotion import served_errors
from sensor_platform.predict.forecast.selection.adjust import adjust
from sensor_platform.predict.forecast.selection.forecast_record import ForecastRecord, HorizonBucket
from sensor_platform.predict.forecast.selection.learn import LearnedForecaster

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_METRICS = 8
"""Further metrics of a training get no picture."""
_DEVICES = 3
_DAYS = 7
_INPUTS = 12
_CONTRIBUTING_ROWS = 500
_DOTS_PER_INCH = 70


def picture(metric: str, source: PanelSource, learned: LearnedForecaster) -> bytes | None:
    """A PNG; None where the history was too short for a backtest."""
    if learned.record is None or learned.judged is None:
        return None
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7), dpi=_DOTS_PER_INCH, layout="constrained")
    axes = figure.subplots(2, 2)
    figure.suptitle(_shown(metric[:60]))
    _errors(axes[0, 0], learned.record, learned)
    _coverage(axes[0, 1], learned.record)
    _beside(axes[1, 0], source, learned.record, learned)
    _contributions(axes[1, 1], learned)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _errors(axes: "Axes", record: ForecastRecord, learned: LearnedForecaster) -> None:
    horizons = np.unique(record.horizon)
    every = {**record.errors(), "served": served_errors(record, learned.rules)}
    for name, errors in every.items():
        means = [errors[record.horizon == horizon].mean() for horizon in horizons]
        is_served = name == "served"
        axes.plot(
            horizons, means, "k--" if is_served else "-", marker=".", linewidth=2.2 if is_served else 1, label=name
        )
    axes.set(title="Backtest: mean absolute error", xlabel="hours ahead", ylim=(0, None))
    axes.legend(fontsize=7, ncols=2)


def _coverage(axes: "Axes", record: ForecastRecord) -> None:
    """Coverage of the newer half with the margins of the older half."""
    horizons = sorted({int(each) for each in np.unique(record.horizon)})
    middle = int(np.median(record.step))
    older, newer = record.where(record.target <= middle), record.where(record.step > middle)
    names, shares = [], []
    for rule in adjust(older, horizons):
        bucket = HorizonBucket(rule.first, rule.last)
        part = newer.where(bucket.holds(newer.horizon))
        if len(part):
            names.append(str(bucket))
            shares.append(float((part.misses <= rule.widening).mean()))
    axes.bar(names, shares, color="tab:blue", alpha=0.6)
    axes.axhline(0.9, color="black", linewidth=1)
    axes.axhspan(0.86, 0.94, color="grey", alpha=0.2)
    axes.set(title="Coverage of the 90 % interval, newer half", xlabel="hours ahead", ylim=(0.5, 1))


def _beside(axes: "Axes", source: PanelSource, record: ForecastRecord, learned: LearnedForecaster) -> None:
    """Served forecasts at the first horizon of a bucket beside the actuals, in the newest week of the backtest."""
    assert learned.judged is not None
    rule = learned.rules[len(learned.rules) // 2]
    newest = record.target > record.target.max() - _DAYS * source.panel.grid.season
    device = source.panel.device[learned.judged.index]
    at = newest & (record.horizon == rule.first)
    served = rule.value(record.by_candidate, np.ones(len(record), dtype=np.bool_))
    for number, name in enumerate(np.unique(device[at])[:_DEVICES]):
        own = np.flatnonzero(at & (device == name))
        own = own[np.argsort(record.target[own], kind="stable")]
        time = (record.target[own] * source.panel.grid.step_us).astype("datetime64[us]")
        colour = f"C{number}"
        axes.plot(time, record.actual[own], color=colour, linewidth=1, label=_shown(source.panel.devices[name][:20]))
        axes.plot(time, served[own], ".", color=colour, markersize=4)
        room = rule.widening * record.width[own]
        axes.fill_between(time, record.lower[own] - room, record.upper[own] + room, color=colour, alpha=0.12)
    axes.set_title(f"{rule.first} h ahead ({rule.text()}, dots) and actuals (line)")
    axes.tick_params(axis="x", labelrotation=30, labelsize=7)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(fontsize=7)


def _contributions(axes: "Axes", learned: LearnedForecaster) -> None:
    shares = contributions(learned)
    axes.set_title("LightGBM: mean contribution to a forecast")
    if not shares:
        axes.text(0.5, 0.5, "no LightGBM model: too little history", ha="center")
        return
    names = list(shares)[:_INPUTS][::-1]
    axes.barh([_shown(name[:28]) for name in names], [shares[name] for name in names], color="tab:green")
    axes.tick_params(axis="y", labelsize=7)


def contributions(learned: LearnedForecaster) -> dict[str, float]:
    """Mean size of each input's contribution to the median, in usual moves, largest first; empty without trees."""
    trees = learned.forecaster.fitted.get(LIGHTGBM)
    if not isinstance(trees, Boosted) or learned.judged is None:
        return {}
    layout = learned.forecaster.layout
    step = max(1, len(learned.judged) // _CONTRIBUTING_ROWS)
    rows = learned.judged.where(np.arange(len(learned.judged)) % step == 0)
    seen = scaled_inputs(rows, layout, is_scaled=learned.forecaster.recipe.is_scaled)
    shares = np.abs(np.asarray(trees.boosters["median"].predict(seen, pred_contrib=True, num_threads=1)))
    means = shares.mean(axis=0)[:-1]
    names = _readable(layout)
    return {names[place]: float(means[place]) for place in np.argsort(-means, kind="stable")}


def _readable(layout: InputLayout) -> list[str]:
    """Names of inputs; those of other metrics with the metric's name."""
    found = []
    for name in layout.names:
        kind, _, number = name.partition(":")
        found.append(f"{layout.others[int(number)]} {kind}" if number and kind != "at" else name)
    return found


def _shown(name: str) -> str:
    """A name as the font can show it, and never as mathematics: names are data."""
    from matplotlib.font_manager import findfont, get_font

    known = get_font(findfont("DejaVu Sans")).get_charmap()
    printable = "".join(letter if letter.isprintable() and ord(letter) in known else "?" for letter in name)
    return printable.replace("$", r"\$")

"""`sensor-platform evaluate FILE`: test forecasts and anomaly scores on a file, with default settings."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sensor_platform.predict.evaluate.read_series import EvaluationData


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--time",
    "time_column",
    required=True,
    metavar="COL",
    help="Time column; a time without a zone is used as it is.",
)
@click.option("--series", metavar="COL", help="Column with the series' names (default: the file is one series).")
@click.option("--target", "targets", required=True, metavar="COL[,COL]", help="Numeric columns to forecast or monitor.")
@click.option(
    "--horizon", type=click.IntRange(1, 2000), metavar="N", help="Number of steps ahead; required without --labels."
)
@click.option(
    "--test-from",
    required=True,
    metavar="T",
    help="Start of the test part (UTC without a zone); earlier rows are for training.",
)
@click.option("--labels", metavar="COL", help="Column that marks anomalous rows (0/1, words): evaluate anomaly scores.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def evaluate(
    file: Path,
    time_column: str,
    series: str | None,
    targets: str,
    horizon: int | None,
    test_from: str,
    labels: str | None,
    as_json: bool,
) -> None:
    """Evaluate forecasts (with --labels: anomaly scores) on a Parquet or CSV file, with default settings.

    Rows before --test-from are for training, rows from then on for the test. Other numeric columns of the file are used
    up to the time of each forecast, never later. Progress goes to stderr.

    \b
    Example:
        sensor-platform evaluate air.parquet --time ts --series station --target TEMP --horizon 24 \\
            --test-from 2015-03-01
        sensor-platform evaluate rig.csv --time datetime --series run --target pressure,flow --test-from 2020-03-01 \\
            --labels anomaly --json
    """
    import msgspec

    from sensor_platform.errors import WrongUse
    from sensor_platform.predict.evaluate.read_series import EvaluationRequest, read_series

    if horizon is None and labels is None:
        raise WrongUse(
            "neither --horizon nor --labels is given",
            "give the number of steps ahead, or the column with labels",
        )
    names = tuple(targets.split(","))
    began = time.monotonic()
    table = read_series(EvaluationRequest(file, time_column, series, names, horizon or 1, test_from, labels))
    result = _judged(table, has_forecast=horizon is not None, as_json=as_json)
    result["seconds"] = round(time.monotonic() - began, 1)
    if as_json:
        # msgspec writes null for numbers that JSON lacks, such as a threshold that nothing can exceed, as null.
        click.echo(msgspec.json.encode({"file": file.name, **result}).decode())
    else:
        click.echo(f"\n{result['seconds']} s")


def _judged(table: "EvaluationData", *, has_forecast: bool, as_json: bool) -> dict[str, Any]:
    from sensor_platform.predict.evaluate.file_grid import cadence_text
    from sensor_platform.predict.evaluate.forecast_evaluation import evaluate_forecasts
    from sensor_platform.predict.evaluate.printing import forecast_lines
    from sensor_platform.predict.forecast.config import ForecastConfig

    facts: dict[str, Any] = {
        "series": table.frame["device_id"].n_unique(),
        "rows": table.frame.height,
        "cadence": cadence_text(table.grid.step_us),
        "season_steps": table.seasonal_grid.season,
        "others": list(table.others),
        "notes": list(table.notes),
    }
    if not as_json:
        click.echo(f"{facts['rows']:,} rows, {facts['series']:,} series, a step is {facts['cadence']}")
        for note in table.notes:
            click.echo(f"note: {note}")
    if table.labels:
        facts["anomalies"] = _anomalies(table, as_json=as_json)
    if has_forecast:
        reports = evaluate_forecasts(table, ForecastConfig(), lambda text: click.echo(text, err=True))
        facts["forecast"] = [asdict(report) for report in reports]
        if not as_json:
            for report in reports:
                for line in forecast_lines(report):
                    click.echo(line)
    return facts


def _anomalies(table: "EvaluationData", *, as_json: bool) -> dict[str, Any]:
    from sensor_platform.predict.anomaly.config import AnomalyConfig
    from sensor_platform.predict.evaluate.anomaly_evaluation import evaluate_anomalies
    from sensor_platform.predict.evaluate.printing import anomaly_lines

    report = evaluate_anomalies(table, AnomalyConfig(), lambda text: click.echo(text, err=True))
    if not as_json:
        for line in anomaly_lines(report, table.frame["device_id"].n_unique()):
            click.echo(line)
    return {**asdict(report), "result": asdict(report.result)}

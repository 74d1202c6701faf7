"""Card and files of a newly trained forecaster, for the registry."""

from datetime import datetime, timedelta
from typing import Any

from sensor_platform.kernel.clock import EPOCH
from sensor_platform.predict.features.matrix import PanelSource
from sensor_platform.predict.forecast import model_card as cards
from sensor_platform.predict.forecast import model_files
from sensor_platform.predict.forecast.candidates.candidate_table import TABLE
from sensor_platform.predict.forecast.candidates.forecaster import LEVEL
from sensor_platform.predict.forecast.model_card import ForecasterCard
from sensor_platform.predict.forecast.selection.learn import LearnedForecaster
from sensor_platform.predict.registry import version_files


def version(
    metric: str, source: PanelSource, learned: LearnedForecaster, horizons: tuple[int, ...], seed: int, now: datetime
) -> tuple[ForecasterCard, dict[str, bytes]]:
    """ForecasterCard and files of a newly learnt forecaster.

    Args:
        metric: its name.
        source: the training data.
        learned: the forecaster and its backtest.
        horizons: steps ahead.
        seed: of the training.
        now: aware UTC; becomes created_at and part of the version's name.
    """
    forecaster = learned.forecaster
    contents = model_files.written(forecaster, learned.record)
    steps = source.panel.step[source.panel.rows]
    hour = timedelta(microseconds=source.panel.grid.step_us)
    first, last = (EPOCH + int(step) * hour for step in (steps.min(), steps.max()))
    origins = tuple(EPOCH + step * hour for step in learned.origins)
    layout = forecaster.layout
    card = ForecasterCard(
        metric=metric,
        version=version_files.version_name(now, contents),
        created_at=now,
        trained_from=first,
        trained_to=last,
        backtest_from=origins[0] if origins else last,
        origins=origins,
        examples=learned.examples,
        devices=len(source.panel.devices),
        learnt_devices=source.panel.devices,
        horizons=horizons,
        rules=learned.rules,
        coverage=learned.coverage,
        interval=LEVEL,
        others=layout.others,
        inputs=layout.names,
        inputs_sha256=layout.sha256,
        target=str(forecaster.recipe),
        anchor=forecaster.recipe.anchor,
        is_scaled=forecaster.recipe.is_scaled,
        recipes=learned.recipe_errors,
        units=dict(forecaster.units),
        spreads=dict(forecaster.spreads),
        least=forecaster.least,
        parameters=_parameters(learned.examples, seed),
        seed=seed,
        libraries=cards.library_versions(),
        git_revision=model_files.git_revision(),
        files={},
    )
    return card, contents


def _parameters(examples: int, seed: int) -> dict[str, Any]:
    return {name: value for each in TABLE for name, value in each.parameters(examples, seed).items()}

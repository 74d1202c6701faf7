"""The registry of the forecasters: what a folder `models/<metric>-<hash>/` holds."""

from collections.abc import Callable
from dataclasses import dataclass

from sensor_platform.home import Home
from sensor_platform.predict.features.matrix import InputLayout
from sensor_platform.predict.forecast import model_files
from sensor_platform.predict.forecast.candidates.forecaster import Forecaster
from sensor_platform.predict.forecast.model_card import ForecasterCard
from sensor_platform.predict.forecast.selection.adjust import ServingRule
from sensor_platform.predict.forecast.selection.forecast_record import ForecastRecord
from sensor_platform.predict.registry.champions import ChampionPeriod, Champions
from sensor_platform.predict.registry.model_registry import ModelRegistry
from sensor_platform.predict.registry.version_files import OtherInputs

ForecasterPeriod = ChampionPeriod[ServingRule]


@dataclass(frozen=True, slots=True)
class ForecastModel:
    """A verified version."""

    model_id: str
    card: ForecasterCard
    forecaster: Forecaster


def _read(model_id: str, card: ForecasterCard, file: Callable[[str], bytes]) -> ForecastModel:
    layout = InputLayout(others=card.others)
    if card.inputs_sha256 != layout.sha256:
        raise OtherInputs(
            f"model {model_id} was trained on another feature schema", "train again; the old version stays on disk"
        )
    contents = {name: file(name) for name in card.files if name != model_files.RECORD}
    return ForecastModel(model_id, card, model_files.read(card, contents, layout))


forecasters = ModelRegistry(
    prefix="",
    card_type=ForecasterCard,
    champions_type=Champions[ServingRule],
    name_of=lambda card: card.metric,
    read=_read,
)


def load_record(home: Home, metric: str, version: str) -> ForecastRecord | None:
    """Forecasts and actuals of a version's backtest; None if it has none.

    Raises:
        Unusable: card or record is not what was written.
    """
    data = forecasters.read_file(home, metric, version, model_files.RECORD)
    return None if data is None else model_files.read_record(data)

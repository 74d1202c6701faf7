"""The registry of the forecasters: what a folder `models/<metric>-<hash>/` holds."""

from collections.abc import Callable
from dataclasses import dataclass

from sensor_platform.home import Home
from sensor_platform.predict.features.matrix import Layout
from sensor_platform.predict.forecast import model_files
from sensor_platform.predict.forecast.candidates.forecaster import Forecaster
from sensor_platform.predict.forecast.model_card import Card
from sensor_platform.predict.forecast.selection.adjust import BucketRule
from sensor_platform.predict.forecast.selection.forecast_record import Record
from sensor_platform.predict.registry.champions import ChampionPeriod, Champions
from sensor_platform.predict.registry.model_registry import ModelRegistry
from sensor_platform.predict.registry.version_files import OtherInputs

ForecasterPeriod = ChampionPeriod[BucketRule]


@dataclass(frozen=True, slots=True)
class ForecastModel:
    """A verified version."""

    model_id: str
    card: Card
    forecaster: Forecaster


def _read(model_id: str, card: Card, file: Callable[[str], bytes]) -> ForecastModel:
    layout = Layout(others=card.others)
    if card.inputs_sha256 != layout.sha256:
        raise OtherInputs(
            f"model {model_id} was trained on another feature schema", "train again; the old version stays on disk"
        )
    contents = {name: file(name) for name in card.files if name != model_files.RECORD}
    return ForecastModel(model_id, card, model_files.read(card, contents, layout))


forecasters = ModelRegistry(
    prefix="",
    card_type=Card,
    champions_type=Champions[BucketRule],
    name_of=lambda card: card.metric,
    read=_read,
)


def load_record(home: Home, metric: str, version: str) -> Record | None:
    """Forecasts and actuals of a version's backtest; None if it has none.

    Raises:
        Unusable: card or record is not what was written.
    """
    data = forecasters.read_file(home, metric, version, model_files.RECORD)
    return None if data is None else model_files.read_record(data)

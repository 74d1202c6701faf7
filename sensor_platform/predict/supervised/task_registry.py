"""The registry of task models, in folders `models/task-<task>-<hash>/`."""

from collections.abc import Callable

from sensor_platform.predict.registry.champions import ChampionPeriod, Champions
from sensor_platform.predict.registry.model_registry import ModelRegistry
from sensor_platform.predict.registry.version_files import Unusable
from sensor_platform.predict.supervised import fitting
from sensor_platform.predict.supervised.task_card import MODEL, TaskCard
from sensor_platform.predict.supervised.task_model import TaskModel

TaskPeriod = ChampionPeriod[None]
"""A champion period of a task; it has no rules."""


def _read(model_id: str, card: TaskCard, file: Callable[[str], bytes]) -> TaskModel:
    import lightgbm

    data = file(MODEL)
    try:
        booster = lightgbm.Booster(model_str=data.decode())
    except lightgbm.basic.LightGBMError as error:
        raise ValueError(str(error)) from error
    if booster.feature_name() != fitting.plain_names(list(card.sources)):
        raise Unusable(f"model {model_id} has other inputs than its card", "add the model again with its own card")
    return TaskModel(model_id, card, booster)


task_models = ModelRegistry(
    prefix="task\x1f",  # metric names have no control characters, so no metric can have the folder of a task
    card_type=TaskCard,
    champions_type=Champions[None],
    name_of=lambda card: card.task,
    read=_read,
)

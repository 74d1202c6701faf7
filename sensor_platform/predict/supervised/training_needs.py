"""Tasks that need training, and champions that cannot be used."""

from collections.abc import Sequence

from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.kernel.clock import EPOCH, to_micros
from sensor_platform.labels.label_store import Label, LabelVersion, read_labels, read_superseded
from sensor_platform.predict.registry import version_files
from sensor_platform.predict.reports import Row, TrainingNeed
from sensor_platform.predict.site_view import PredictSite
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.predict.supervised.cycles import label_events
from sensor_platform.predict.supervised.task_registry import task_models
from sensor_platform.predict.supervised.task_rows import sources_sha256


def needs_task_training(home: Home, site: PredictSite) -> tuple[TrainingNeed, ...]:
    """Tasks that should be trained now, and why. Reads a few small files; does not open the warehouse."""
    wanted = [config for config in site.supervised if config.is_trained]
    gone = read_superseded(home) if wanted else []
    return tuple(need for config in wanted if (need := _need(home, config, gone)))


def _need(home: Home, config: TaskConfig, gone: Sequence[LabelVersion]) -> TrainingNeed | None:
    """Training is needed for the first labels, after training labels were withdrawn, and on request of monitoring."""
    try:
        has_model = task_models.champion_card(home, config.name) is not None
    except CheckFailed as error:
        return TrainingNeed(config.name, error.message, None)
    waiting, asked = task_models.waiting(home, config.name), task_models.asked(home, config.name)
    made = [version_files.created_at(name) for name in task_models.versions(home, config.name)]
    tried = max([*made, *([waiting.asked_at] if waiting else [])], default=EPOCH)
    since = to_micros(tried)
    if not has_model:
        has_come = any(label.created_at > since and _counts(label, config) for label in read_labels(home))
        return TrainingNeed(config.name, "there are labels but no model yet", None) if has_come else None
    used = [each for each in gone if each.label.created_at <= since < (each.superseded_at or 0)]
    count = sum(_counts(each.label, config) for each in used)
    if count:
        return TrainingNeed(config.name, f"labels that may have been used for training were withdrawn: {count}", tried)
    return TrainingNeed(config.name, asked.reason, None) if asked is not None and asked.asked_at > tried else None


def _counts(label: Label, config: TaskConfig) -> bool:
    return bool(label_events([label], config))


def unusable_champions(home: Home, site: PredictSite) -> tuple[Row, ...]:
    """Tasks whose champion was changed on disk, or was made for inputs other than those of the site now."""
    found: list[Row] = []
    for config in site.supervised:
        try:
            model = task_models.load_champion(home, config.name)
        except CheckFailed as error:
            found.append({"task": config.name, "why": error.message})
            continue
        if model is not None and model.card.inputs_sha256 != sources_sha256(config.sources):
            found.append({"task": config.name, "why": "the champion was made for other inputs"})
    return tuple(found)

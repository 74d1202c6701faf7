"""Labels that came or went after the hours that they change had been scored: which hours are to be scored again."""

from collections.abc import Sequence

from sensor_platform.home import Home
from sensor_platform.kernel.clock import to_micros
from sensor_platform.labels.label_store import Label
from sensor_platform.predict.registry import version_files
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.predict.supervised.cycles import events
from sensor_platform.predict.supervised.task_registry import task_models


def late_labels(home: Home, config: TaskConfig, labels: Sequence[Label], trainings: int) -> list[Label]:
    """Labels that count for a task and came or went since the newest, or an earlier, of its trainings.

    A failure begins a new life: ages change from it on, and hours during it are not scored. So a task without lives has
    no such label, nor has one without a model that scored anything.

    Args:
        home: data folder.
        config: the task.
        labels: all changes of labels, `created_at` being when it happened.
        trainings: how many trainings back; 1 for the newest.
    """
    if not config.has_lives or not task_models.champion_periods(home, config.name):
        return []
    made = task_models.versions(home, config.name)
    if not made:
        return []
    since = to_micros(version_files.created_at(made[-trainings:][0]))
    return [label for label in labels if label.created_at > since and events([label], config)]

"""Add an external LightGBM model with its card, after checking hash, inputs and classes."""

import contextlib
import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.predict.registry import version_files
from sensor_platform.predict.supervised import fitting
from sensor_platform.predict.supervised.calibration import ProbabilityCalibration
from sensor_platform.predict.supervised.config import NAME, Kind, TaskConfig
from sensor_platform.predict.supervised.task_card import MODEL, TaskCard
from sensor_platform.predict.supervised.task_registry import task_models
from sensor_platform.predict.supervised.task_rows import sources_sha256

_EXAMPLE = (
    '{"task": "reuse", "kind": "classes", "sha256": "...", "features": ["pH", "BOD"], "classes": ["unfit", "fit"]}'
)


class GivenCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The card that comes with an external model file."""

    task: str
    kind: Kind
    sha256: str
    """SHA-256 of the model file."""
    features: tuple[str, ...]
    """Input names in the order of the model."""
    classes: tuple[str, ...] = ()
    """Classes in the order of the model's outputs; no and yes for a single output."""
    threshold: float | None = None
    """Alarm at or above this probability (`failure`), or at or below this remaining life in hours."""
    defaults: dict[str, float] = {}
    calibrations: tuple[ProbabilityCalibration, ...] = ()
    origin: str = "dropped in"
    trained_to: datetime | None = None
    """Newest hour of this site's data that the model was trained on, aware UTC; None if there is none."""


def add_model(home: Home, model: Path, card: Path, tasks: Mapping[str, TaskConfig], now: datetime) -> TaskCard:
    """Check a model against its card and the site, save it in the registry and promote it.

    Adding the champion again changes nothing.

    Args:
        home: data folder.
        model: file in LightGBM's text format.
        card: JSON file, see GivenCard.
        tasks: tasks of the site by name. A model of another name serves the API only.
        now: aware UTC.

    Raises:
        WrongUse: model, card and site do not match.
    """
    given, data = _card(card), _bytes(model)
    digest = hashlib.sha256(data).hexdigest()
    if digest != given.sha256.lower():
        raise WrongUse(
            f"{model} has the SHA-256 {digest}, its card has {given.sha256}",
            "take file and card from one export, or write the new hash into the card once you trust the file",
        )
    _check_inputs(model, data, given)
    sources = _sources(given, tasks.get(given.task))
    contents = {MODEL: data}
    made = TaskCard(
        task=given.task,
        version=version_files.version_name(now, contents | {"card": msgspec.json.encode(given)}),
        kind=given.kind,
        created_at=now,
        origin=given.origin,
        sources=sources,
        inputs_sha256=sources_sha256(sources),
        defaults=given.defaults or (tasks[given.task].defaults if given.task in tasks else {}),
        classes=given.classes,
        calibrations=given.calibrations,
        threshold=given.threshold,
        class_costs=tasks[given.task].class_costs if given.task in tasks else {},
        most_hours=tasks[given.task].most_hours if given.task in tasks and given.kind == "remaining_life" else 0,
        trained_to=given.trained_to,
    )
    champion = _champion(home, given.task)
    if champion is not None and _is_same(champion, made, digest):
        return champion
    task_models.save(home, made, contents)
    task_models.promote(home, given.task, made.version, now, f"added by hand, {given.origin}; never judged here")
    return made


def _champion(home: Home, task: str) -> TaskCard | None:
    """Card of the champion; None also where it cannot be used, because the new model may replace it."""
    with contextlib.suppress(version_files.Unusable):
        champion = task_models.load_champion(home, task)
        return champion.card if champion else None
    return None


def _is_same(champion: TaskCard, made: TaskCard, digest: str) -> bool:
    """Whether the two are equal apart from the time at which they were added."""
    then = {"version": champion.version, "created_at": champion.created_at}
    return champion == msgspec.structs.replace(made, **then, files={MODEL: digest})


def _card(path: Path) -> GivenCard:
    try:
        given = msgspec.json.decode(_bytes(path), type=GivenCard)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise WrongUse(f"{path} is not a card: {error}", f"write it as {_EXAMPLE}") from error
    if not NAME.fullmatch(given.task):
        raise WrongUse(
            f"{path}: {given.task!r} is not a valid task name", "use letters, digits, dots, dashes, underscores"
        )
    if given.kind == "classes" and len(given.classes) < 2:
        raise WrongUse(
            f"{path}: a model of kind classes needs the names of at least two classes", f"write it as {_EXAMPLE}"
        )
    if given.trained_to is not None and given.trained_to.tzinfo is None:
        raise WrongUse(f"{path}: trained_to has no zone", "write it as 2026-03-01T00:00:00Z")
    return given


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WrongUse(f"{path} cannot be read: {error.strerror}", "name a model file and its card") from error


def _check_inputs(model: Path, data: bytes, given: GivenCard) -> None:
    import lightgbm

    try:
        booster = lightgbm.Booster(model_str=data.decode())
    except (lightgbm.basic.LightGBMError, UnicodeDecodeError) as error:
        raise WrongUse(f"{model} is not a LightGBM model: {error}", "save it with Booster.save_model") from error
    own = booster.feature_name()
    if own != fitting.plain_names(given.features):
        raise WrongUse(
            f"{model} was made for {_list(own)}, its card has {_list(given.features)}",
            "list the features in the card with the names and the order of the model",
        )
    outputs, expected = booster.num_model_per_iteration(), max(1, len(given.classes))
    if outputs != expected and not (outputs == 1 and expected == 2):
        raise WrongUse(f"{model} has {outputs} outputs, its card {expected} classes", "name one class per output")
    if given.calibrations and len(given.calibrations) != outputs:
        raise WrongUse(f"the card has {len(given.calibrations)} calibrations for {outputs} outputs", "give one each")


def _sources(given: GivenCard, task: TaskConfig | None) -> dict[str, str]:
    """Source of each input by name: from site.yaml for a task, else the API caller gives the inputs by name."""
    if task is None:
        return {name: name for name in given.features}
    if task.kind != given.kind:
        raise WrongUse(f"the card is of kind {given.kind}, task {task.name} of kind {task.kind}", "make them one kind")
    if list(given.features) != list(task.sources):
        raise WrongUse(
            f"the model needs {_list(given.features)}, task {task.name} has {_list(list(task.sources))}",
            f"name the model's features, in its order, under `inputs` of task {task.name} in site.yaml",
        )
    return task.sources


def _list(names: "list[str] | tuple[str, ...]") -> str:
    shown = ", ".join(names[:8])
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown

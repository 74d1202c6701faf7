"""Predictions on request: a model by name, inputs and outputs as plain names and numbers.

The model is the verified champion of the supervised task with that name, used as for the tables: the same inputs give
the same prediction. Without a champion it is the LightGBM text file `models/served/<name>.txt`, optionally with
`<name>.json` for the names of the classes. Models are loaded again when they change. Loading runs no code (no pickle).
"""

import math
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from sensor_platform.errors import Missing, WrongUse
from sensor_platform.home import Home
from sensor_platform.predict.registry.version_files import CHAMPION
from sensor_platform.predict.supervised import task_model
from sensor_platform.predict.supervised.task_model import TaskModel
from sensor_platform.predict.supervised.task_registry import task_models
from sensor_platform.predict.supervised.task_rows import input_matrix

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class _Card(msgspec.Struct, frozen=True, kw_only=True):
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Loaded:
    stamp: tuple[int, int]
    booster: Any
    inputs: tuple[str, ...]
    classes: tuple[str, ...]


@dataclass(slots=True)
class Predictor:
    """Loads models when they are first used. Thread-safe."""

    home: Home
    _loaded: dict[str, _Loaded] = field(default_factory=dict)
    _champions: dict[str, tuple[tuple[int, int], TaskModel]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def predict(self, name: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Make one prediction: `value`, and for a classifier `class`, `confidence` and all `probabilities`.

        Raises:
            WrongUse: there is no such model, or an input is not a number.
            CheckFailed: the champion's files are not what was promoted.
        """
        with self._lock:
            champion = self._champion(name)
            if champion is not None:
                return _predict(champion, inputs)
            model = self._model(name)
            row = np.array([[_number(key, inputs.get(key)) for key in model.inputs]])
            raw = np.asarray(model.booster.predict(row, num_threads=1), np.float64).reshape(-1)
        unknown = sorted(set(inputs) - set(model.inputs))
        missing = [key for key in model.inputs if inputs.get(key) is None]
        return {"model": name, "missing": missing, "ignored": unknown} | _result(raw, model.classes)

    def names(self) -> list[str]:
        """Return the names of all models."""
        files = {path.stem for path in self._folder.glob("*.txt") if _NAME.fullmatch(path.stem)}
        return sorted(
            files | {task for task in task_models.names(self.home) if task_models.champion_periods(self.home, task)}
        )

    @property
    def _folder(self) -> Path:
        return self.home.models / "served"

    def _champion(self, name: str) -> TaskModel | None:
        """Return the verified champion; it is loaded again when the pointer changes."""
        try:
            stat = (task_models.folder(self.home, name) / CHAMPION).stat()
        except FileNotFoundError:
            return None
        stamp = (stat.st_mtime_ns, stat.st_ino)
        found = self._champions.get(name)
        if found is None or found[0] != stamp:
            model = task_models.load_champion(self.home, name)
            if model is None:
                return None
            found = self._champions[name] = (stamp, model)
        return found[1]

    def _model(self, name: str) -> _Loaded:
        if not _NAME.fullmatch(name):
            raise WrongUse("a model's name has letters, digits, dots, dashes and underscores", "check the name")
        path = self._folder / f"{name}.txt"
        try:
            stat = path.stat()
        except FileNotFoundError as error:
            known = ", ".join(self.names()) or "none yet"
            raise Missing(f"there is no model {name!r}", f"there are: {known}; put one into {self._folder}") from error
        stamp = (stat.st_mtime_ns, stat.st_size)
        found = self._loaded.get(name)
        if found is None or found.stamp != stamp:
            found = self._loaded[name] = _load(path, stamp)
        return found


def _predict(model: TaskModel, inputs: Mapping[str, Any]) -> dict[str, Any]:
    card = model.card
    values = {key: np.array([_number(key, inputs.get(key))]) for key in card.sources}
    predicted = task_model.predict(model, input_matrix(values, card.sources, card.defaults))
    result: dict[str, Any] = {
        "model": model.model_id,
        "missing": [key for key in card.sources if inputs.get(key) is None],
        "ignored": sorted(set(inputs) - set(card.sources)),
        "value": float(predicted.value[0]),
    }
    if card.kind == "classes":
        best = int(predicted.decided[0])
        chances = dict(zip(card.classes, map(float, predicted.probabilities[0]), strict=True))
        return result | {
            "value": best,
            "class": card.classes[best],
            "confidence": chances[card.classes[best]],
            "probabilities": chances,
        }
    if card.kind == "remaining_life" and card.lower_by:
        result |= {"lower": float(predicted.lower[0]), "upper": float(predicted.upper[0])}
    return result | {"is_alarm": bool(predicted.is_alarm[0]), "threshold": card.threshold}


def _load(path: Path, stamp: tuple[int, int]) -> _Loaded:
    import lightgbm

    try:
        booster = lightgbm.Booster(model_str=path.read_text(encoding="utf-8"))
    except (lightgbm.basic.LightGBMError, UnicodeDecodeError) as error:
        raise WrongUse(f"{path} is not a LightGBM model: {error}", "save it with Booster.save_model") from error
    card = path.with_suffix(".json")
    classes = msgspec.json.decode(card.read_bytes(), type=_Card).classes if card.is_file() else ()
    return _Loaded(stamp, booster, tuple(booster.feature_name()), classes)


def _result(raw: "np.ndarray[Any, np.dtype[np.float64]]", classes: tuple[str, ...]) -> dict[str, Any]:
    if not classes:
        return {"value": float(raw[0])} if len(raw) == 1 else {"values": raw.tolist()}
    chances = np.array([1.0 - raw[0], raw[0]]) if len(raw) == 1 else raw
    best = int(np.argmax(chances))
    return {
        "value": best,
        "class": classes[best] if best < len(classes) else str(best),
        "confidence": float(chances[best]),
        "probabilities": dict(zip(classes, chances.tolist(), strict=False)),
    }


def _number(name: str, value: Any) -> float:  # noqa: ANN401 - anything that JSON has
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WrongUse(f"input {name!r} is not a number", "send numbers, or null for a missing value")
    return float(value)

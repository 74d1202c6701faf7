"""Finds the model and the version that a command line names, in every registry."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sensor_platform.errors import Missing
from sensor_platform.home import Home
from sensor_platform.predict.forecast.forecaster_registry import forecasters
from sensor_platform.predict.registry.champions import Champions, read_champions
from sensor_platform.predict.registry.model_registry import ModelRegistry
from sensor_platform.predict.registry.version_files import CARD, Unusable, verified
from sensor_platform.predict.supervised.task_registry import task_models

Registry = ModelRegistry[Any, Any, Any]
_REGISTRIES: tuple[tuple[str, Registry], ...] = (("", forecasters), ("task:", task_models))
"""Registries in the order in which a name is looked up, each with what its names are listed with."""


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A model that has a version."""

    registry: Registry
    key: str
    """Its name in the registry."""
    shown: str
    """Its name in lists: unique over all registries."""


def named(home: Home) -> Iterator[NamedModel]:
    """Models of all registries: metrics, then tasks, by name."""
    for prefix, registry in _REGISTRIES:
        yield from (NamedModel(registry, name, f"{prefix}{name}") for name in registry.names(home))


def nameless(home: Home) -> list[str]:
    """Folders with versions of which none has a readable card: the name of the model is not known."""
    known = {each.registry.folder(home, each.key).name for each in named(home)}
    return sorted({path.parents[1].name for path in home.models.glob(f"*/*/{CARD}")} - known)


def is_of_another_release(home: Home, folder: str) -> bool:
    """Whether the champion's card of such a folder is the one that was promoted: it is intact."""
    place = home.models / folder
    try:
        periods = read_champions(place, Champions[Any])
        return bool(periods) and bool(verified(place / periods[-1].version, CARD, periods[-1].card_sha256))
    except Unusable:
        return False


def find(home: Home, name: str) -> NamedModel:
    """The metric of that name, or the task if no metric has it; `task:NAME` is always the task.

    Raises:
        Missing: there is no such model.
    """
    every = list(named(home))
    for each in (*(each for each in every if each.shown == name), *(each for each in every if each.key == name)):
        return each
    known = ", ".join(each.shown for each in every[:20]) or "no model yet"
    raise Missing(f"there is no model {name[:60]!r}", f"there is {known}")


def version_of(home: Home, each: NamedModel, text: str) -> str:
    """The version that begins with `text`.

    Raises:
        Missing: none or several do.
    """
    known = each.registry.versions(home, each.key)
    found = [version for version in known if version.startswith(text)] if text else []
    if len(found) != 1:
        many = "several versions that begin with" if found else "no version"
        shown = ", ".join((found or list(known))[-5:])
        raise Missing(f"{each.shown} has {many} {text[:60]!r}", f"the newest are {shown}")
    return found[0]

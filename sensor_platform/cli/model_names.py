"""What a name or a version on the command line means, whether of a forecast metric or of a supervised task."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sensor_platform.errors import Missing
from sensor_platform.home import Home
from sensor_platform.predict.registry import forecasters, version_store
from sensor_platform.predict.registry import task_models as tasks
from sensor_platform.predict.registry.version_store import Reign

_TASK = "task:"


class Registry(Protocol):
    """What both registries have in common."""

    def reigns(self, home: Home, name: str, /) -> tuple[Reign, ...]:
        """Every promotion, oldest first."""

    def versions(self, home: Home, name: str, /) -> tuple[str, ...]:
        """Complete versions, oldest first."""

    def card_of(self, home: Home, name: str, version: str, digest: str | None = None, /) -> Any:  # noqa: ANN401 - either card
        """The card of a version."""

    def load(self, home: Home, name: str, version: str, digest: str | None = None, /) -> object:
        """A version, with every hash checked."""

    def promote(self, home: Home, name: str, version: str, now: datetime, why: str, /) -> Reign:
        """Make it the champion."""


@dataclass(frozen=True, slots=True)
class Named:
    """A model that has a version."""

    registry: Registry
    key: str
    """Its name there,"""
    shown: str
    """and as it is listed."""


def named(home: Home) -> Iterator[Named]:
    """All of them: metrics, then tasks, by name."""
    yield from (Named(forecasters, name, name) for name in forecasters.metrics(home))
    yield from (Named(tasks, name, f"{_TASK}{name}") for name in tasks.tasks(home))


def nameless(home: Home) -> list[str]:
    """Folders with versions of which none has a readable card: what the model is called is not known."""
    known = {version_store.folder_name(each.key) for each in named(home) if each.registry is forecasters}
    known |= {tasks.folder(home, name).name for name in tasks.tasks(home)}
    return sorted({path.parents[1].name for path in home.models.glob(f"*/*/{version_store.CARD}")} - known)


def find(home: Home, name: str) -> Named:
    """What a person means: the metric, or the task if no metric is called so; `task:NAME` is always the task.

    Raises:
        Missing: there is no such model.
    """
    every = list(named(home))
    for each in (*(each for each in every if each.shown == name), *(each for each in every if each.key == name)):
        return each
    known = ", ".join(each.shown for each in every[:20]) or "no model yet"
    raise Missing(f"there is no model {name[:60]!r}", f"there is {known}")


def version_of(home: Home, each: Named, text: str) -> str:
    """The version that begins so.

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

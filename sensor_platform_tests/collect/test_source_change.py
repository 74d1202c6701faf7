"""A running collector takes other settings at a segment border, and goes back where they do not work."""

from dataclasses import dataclass, field

import pytest

from sensor_platform.collect.collector_status import State
from sensor_platform.collect.config import CollectConfig
from sensor_platform.collect.source_change import SourceChange
from sensor_platform.errors import PlatformError, Unreachable, WrongUse
from sensor_platform.versions.reports import Reloading
from sensor_platform.wal import Header

OLD, NEW = CollectConfig(seal_seconds=5.0), CollectConfig(seal_seconds=6.0)
REFUSAL = WrongUse("refused", "ask for something else")


@dataclass
class Plain:
    """A source that has to be opened again."""

    config: CollectConfig
    done: list[str]
    state: State = "connected"

    def header(self, name: str) -> Header:
        raise NotImplementedError(name)

    def turn(self) -> None: ...

    def tick(self) -> None: ...

    def prepare_seal(self) -> bool:
        return True

    def close(self) -> None:
        self.done.append(f"close {self.config.seal_seconds}")


@dataclass
class Changing(Plain):
    """A source that changes on its connection."""

    answer: bool | PlatformError = False

    def reconfigure(self, config: CollectConfig) -> bool:
        self.done.append(f"change to {config.seal_seconds}")
        return True

    def reconfigured(self) -> bool | PlatformError:
        return self.answer


@dataclass
class Rig:
    """A collector's source, what happens to it, and what the settings' file says next."""

    done: list[str] = field(default_factory=list)
    news: list[CollectConfig] = field(default_factory=list)
    is_border: bool = True
    unusable: tuple[CollectConfig, ...] = ()

    def change(self, source: Plain) -> SourceChange:
        reloading = Reloading(
            lambda: self.news.pop() if self.news else None,
            lambda: self.done.append("applied"),
            lambda error: self.done.append(f"failed: {error}"),
        )
        return SourceChange(source, OLD, self.open, reloading, lambda: self.is_border)

    def open(self, config: CollectConfig) -> Plain:
        if config in self.unusable:
            raise REFUSAL
        self.done.append(f"open {config.seal_seconds}")
        return Plain(config, self.done)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_settings_that_are_the_same_are_in_force_at_once(rig: Rig) -> None:
    change = rig.change(Plain(OLD, rig.done))
    change.tend()
    rig.news.append(OLD)
    change.tend()
    assert rig.done == ["applied"]


def test_a_source_is_closed_and_opened_again_at_a_border(rig: Rig) -> None:
    change = rig.change(Plain(OLD, rig.done))
    rig.news.append(NEW)
    rig.is_border = False
    change.tend()
    assert rig.done == []
    rig.is_border = True
    change.tend()
    change.tend()
    assert rig.done == ["close 5.0", "open 6.0", "applied"]
    assert change.config == NEW


def test_a_change_on_the_connection_is_in_force_when_it_was_answered(rig: Rig) -> None:
    source = Changing(OLD, rig.done)
    change = rig.change(source)
    rig.news.append(NEW)
    change.tend()
    change.tend()
    assert rig.done == ["change to 6.0"]
    source.answer = True
    change.tend()
    assert rig.done == ["change to 6.0", "applied"]
    assert (change.config, change.source) == (NEW, source)


def test_a_change_that_is_refused_leaves_the_settings_before(rig: Rig) -> None:
    change = rig.change(Changing(OLD, rig.done, answer=REFUSAL))
    rig.news.append(NEW)
    change.tend()
    change.tend()
    assert rig.done[-1].startswith("failed: refused")
    assert change.config == OLD


def test_settings_that_no_source_takes_bring_the_former_one_back(rig: Rig) -> None:
    rig.unusable = (NEW,)
    change = rig.change(Plain(OLD, rig.done))
    rig.news.append(NEW)
    change.tend()
    assert [each.partition(":")[0] for each in rig.done] == ["close 5.0", "open 5.0", "failed"]
    assert change.config == OLD


def test_a_source_that_fails_with_new_settings_is_replaced_by_one_with_the_former(rig: Rig) -> None:
    change = rig.change(Plain(OLD, rig.done))
    rig.news.append(NEW)
    change.tend()
    change.go_back(REFUSAL)
    assert [each.partition(":")[0] for each in rig.done] == ["close 5.0", "open 6.0", "close 6.0", "open 5.0", "failed"]
    assert change.config == OLD
    with pytest.raises(Unreachable):
        change.go_back(Unreachable("gone", "wait"))

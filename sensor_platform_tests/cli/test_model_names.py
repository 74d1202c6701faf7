"""What a name or a version of a model means."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sensor_platform.cli import model_names
from sensor_platform.cli.model_names import NamedModel, find, is_of_another_release, named, nameless, version_of
from sensor_platform.errors import Missing
from sensor_platform.home import Home
from sensor_platform.predict.registry.champions import Champions, append_champion
from sensor_platform.predict.registry.version_files import CARD

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Registry:
    """A registry of models that have three versions each."""

    def __init__(self, *models: str) -> None:
        self._models = models

    def names(self, _home: Home) -> tuple[str, ...]:
        return self._models

    def folder(self, home: Home, name: str) -> Path:
        return home.models / name

    def versions(self, _home: Home, _name: str) -> tuple[str, ...]:
        return ("20260101-ab", "20260101-cd", "20260202-ef")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The metrics TEMP and pump, and the task pump."""
    registries = (("", Registry("TEMP", "pump")), ("task:", Registry("pump", "reuse")))
    monkeypatch.setattr(model_names, "_REGISTRIES", registries)
    return Home(tmp_path)


def test_metrics_are_listed_before_tasks(home: Home) -> None:
    assert [each.shown for each in named(home)] == ["TEMP", "pump", "task:pump", "task:reuse"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [("TEMP", "TEMP"), ("pump", "pump"), ("task:pump", "task:pump"), ("reuse", "task:reuse")],
)
def test_a_name_is_the_metric_and_with_its_prefix_always_the_task(home: Home, name: str, shown: str) -> None:
    assert find(home, name).shown == shown


def test_a_name_that_there_is_not_is_refused_with_those_that_there_are(home: Home) -> None:
    with pytest.raises(Missing) as refused:
        find(home, "temp")
    assert "TEMP, pump, task:pump, task:reuse" in refused.value.hint


def test_a_version_is_named_by_its_beginning(home: Home) -> None:
    registry: Any = Registry()
    each = NamedModel(registry, "m", "m")
    assert version_of(home, each, "20260202") == "20260202-ef"
    for text, reason in (("20260101", "several versions"), ("2025", "no version"), ("", "no version")):
        with pytest.raises(Missing, match=reason):
            version_of(home, each, text)


def test_a_folder_without_a_readable_card_is_named(home: Home) -> None:
    card = home.models / "lost" / "20260101-ab" / CARD
    card.parent.mkdir(parents=True)
    card.write_text("{")
    assert nameless(home) == ["lost"]
    assert not is_of_another_release(home, "lost")


def test_a_champion_whose_card_is_the_promoted_one_is_of_another_release(home: Home) -> None:
    card = home.models / "old" / "20260101T000000Z-0123456789ab" / CARD
    card.parent.mkdir(parents=True)
    card.write_text('{"of": "another release"}')
    append_champion(home.models / "old", Champions[Any], card.parent.name, NOON, NOON, "the first")
    assert nameless(home) == ["old"]
    assert is_of_another_release(home, "old")
    card.write_text('{"of": "another Release"}')
    assert not is_of_another_release(home, "old")

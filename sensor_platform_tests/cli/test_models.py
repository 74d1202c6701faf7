"""Models as a command, by a registry of one model with two versions."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sensor_platform.cli import model_names
from sensor_platform.cli.model_names import NamedModel
from sensor_platform.cli.models import models
from sensor_platform.errors import CheckFailed, Missing
from sensor_platform.home import Home
from sensor_platform.predict.registry.champions import ChampionPeriod
from sensor_platform.predict.registry.version_files import OtherInputs
from sensor_platform_tests.cli.running import said

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOME = Home(Path("home"))


class SomeCard(msgspec.Struct):
    """What the command shows of a card."""

    examples: int
    trained_to: datetime = NOON

    def summary(self) -> str:
        return f"{self.examples} examples"


class SomeVersions:
    """A registry of the model `m`: version b2 was put in charge an hour after a1."""

    def __init__(self) -> None:
        self.cards = {"a1": SomeCard(1_000), "b2": SomeCard(2_000)}
        self.damaged = self.other = ""
        self.champions: list[ChampionPeriod[Any]] = []
        self.promote(HOME, "m", "a1", NOON, "the first")
        self.promote(HOME, "m", "b2", NOON + timedelta(hours=1), "better")

    def champion_periods(self, _home: Home, _name: str) -> tuple[ChampionPeriod[Any], ...]:
        return tuple(self.champions)

    def versions(self, _home: Home, _name: str) -> tuple[str, ...]:
        return tuple(self.cards)

    def card_of(self, _home: Home, _name: str, version: str, _digest: str | None = None) -> SomeCard:
        return self.cards[version]

    def load(self, _home: Home, _name: str, version: str, _digest: str | None = None) -> object:
        if version == self.other:
            raise OtherInputs("it is of another release", "train again")
        if version == self.damaged:
            raise CheckFailed("its hash differs", "restore it")
        return None

    def promote(
        self, _home: Home, _name: str, version: str, now: datetime, why: str, _rules: tuple[Any, ...] = ()
    ) -> ChampionPeriod[Any]:
        self.champions.append(
            ChampionPeriod(version=version, card_sha256="", serves_from=now, promoted_at=now, why=why)
        )
        return self.champions[-1]


@pytest.fixture
def registry(home: Home, monkeypatch: pytest.MonkeyPatch) -> SomeVersions:
    home.models.mkdir(parents=True)
    some: Any = SomeVersions()

    def named(_home: Home) -> Iterator[NamedModel]:
        yield NamedModel(some, "m", "m")

    monkeypatch.setattr(model_names, "named", named)
    monkeypatch.setattr(model_names, "nameless", lambda _home: [])
    versions: SomeVersions = some
    return versions


@pytest.mark.usefixtures("registry")
def test_versions_are_listed_with_a_star_for_the_champion_and_every_reason() -> None:
    assert said(models, "list").splitlines() == [
        "m",
        "   a1  1000 examples",
        " * b2  2000 examples",
        "     2026-03-01 12:00Z a1: the first",
        "     2026-03-01 13:00Z b2: better",
    ]


def test_a_champion_that_is_not_what_was_written_fails_the_check(registry: SomeVersions) -> None:
    registry.damaged = "b2"
    with pytest.raises(CheckFailed, match="1 of the above cannot be trusted"):
        said(models, "list")


@pytest.mark.usefixtures("registry")
def test_a_card_is_shown_with_when_and_why_it_was_in_charge() -> None:
    def shown(*words: str) -> Any:
        return json.loads(said(models, "show", "m", *words))

    assert shown()["examples"] == 2_000
    found = shown("a")
    assert found["examples"] == 1_000
    (period,) = found["in_charge"]
    assert (period["why"], period["until"], period["why_until"]) == ("the first", "2026-03-01T13:00:00+00:00", "better")


@pytest.mark.usefixtures("registry")
def test_only_what_differs_between_two_cards_is_shown() -> None:
    assert json.loads(said(models, "diff", "m", "a", "b")) == {"key": "examples", "first": 1_000, "second": 2_000}


def test_a_version_is_promoted_by_hand_and_rolled_back(registry: SomeVersions) -> None:
    assert said(models, "promote", "m", "a").startswith("m: a1 serves from ")
    assert registry.champions[-1].why == "promoted by hand"
    assert said(models, "rollback", "m").startswith("m: b2 serves from ")
    assert registry.champions[-1].why == "rolled back by hand from a1"


def test_without_an_earlier_champion_nothing_is_rolled_back(registry: SomeVersions) -> None:
    del registry.champions[1:]
    with pytest.raises(Missing, match="no earlier champion"):
        said(models, "rollback", "m")


def test_a_champion_of_another_release_is_listed_and_is_no_damage(registry: SomeVersions) -> None:
    registry.other = "b2"
    listed = said(models, "list")
    assert " *? b2  not in use: it is of another release; the next training replaces it\n" in listed
    assert "   a1  1000 examples\n" in listed

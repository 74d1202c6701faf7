"""What monitoring does with a champion of any registry: check that it is intact, roll it back, ask for training."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from sensor_platform.home import Home
from sensor_platform.predict.registry.champions import ChampionPeriod
from sensor_platform.predict.registry.model_registry import ModelCard, ModelRegistry
from sensor_platform.predict.registry.version_files import Unusable

if TYPE_CHECKING:
    from dataclasses import Field

ROLLED_BACK = "rolled back"


class ChampionHealth(Protocol):
    """The live state of one champion, a dataclass."""

    __dataclass_fields__: "ClassVar[dict[str, Field[Any]]]"

    @property
    def breaches(self) -> tuple[str, ...]:
        """Figures that are out of bounds, in words."""

    @property
    def action(self) -> str:
        """What monitoring did, with the reason; `none` for nothing."""


C = TypeVar("C", bound=ModelCard)
M = TypeVar("M")
R = TypeVar("R")
H = TypeVar("H", bound=ChampionHealth)


@dataclass(frozen=True, slots=True)
class ChampionMonitor(Generic[C, M, R, H]):
    """One pass over the champions of a registry."""

    registry: ModelRegistry[C, M, R]
    home: Home
    now: datetime
    """Aware UTC."""
    unhealthy: Callable[[str, str, tuple[str, ...]], H]
    """Makes the health of a champion without figures: name of the model, model_id, breaches."""

    def check(self, name: str, look: Callable[[M, Sequence[ChampionPeriod[R]]], H]) -> Iterator[H]:
        """The health of a model's champion; nothing where it has no champion.

        Args:
            name: name of the model.
            look: gives the health of a champion that is intact, and acts on it.
        """
        try:
            periods = self.registry.champion_periods(self.home, name)
        except Unusable as error:
            yield self.unhealthy(name, "", (error.message,))
            return
        if not periods:
            return
        champion = periods[-1]
        try:
            model = self.registry.load(self.home, name, champion.version, champion.card_sha256)
        except Unusable as error:
            before = self.registry.fall_back(self.home, name, periods, error.message, self.now)
            found = self.unhealthy(name, self.registry.model_id(name, champion.version), (error.message,))
            action = f"{ROLLED_BACK}: {error.message}" if before else "none: there is no intact version before it"
            yield replace(found, action=action)
            return
        yield look(model, periods)

    def roll_back(self, health: H, name: str, to: ChampionPeriod[R], why: str) -> H:
        """Promote the version of an earlier period again, with its rules."""
        self.registry.promote(self.home, name, to.version, self.now, f"{ROLLED_BACK}: {why}", to.rules)
        return replace(health, action=f"{ROLLED_BACK}: {why}")

    def ask_training(self, health: H, name: str, created_at: datetime) -> H:
        """Ask for a new model because of the breaches, once per champion; `created_at` is when it was made."""
        reason = f"drift: {'; '.join(health.breaches)}"
        self.registry.ask_training(self.home, name, created_at, self.now, reason)
        return replace(health, action="asked for training")


def is_healthy(every: Iterable[ChampionHealth]) -> bool:
    """Whether no champion has a breach or was rolled back."""
    return not any(each.breaches or each.action.startswith(ROLLED_BACK) for each in every)


def health_rows(every: Iterable[ChampionHealth]) -> list[dict[str, Any]]:
    """Rows for a metadata table, one per champion."""
    return [{**asdict(each), "breaches": "; ".join(each.breaches)} for each in every]

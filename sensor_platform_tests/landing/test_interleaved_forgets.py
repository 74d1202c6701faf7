"""Forgetting, withdrawal and replacement beside landing, requeue, reland, upkeep and rebuilds, killed at any step.

At every moment each message has one outcome. From the first `forget` on, and after its repetition if it was killed,
nothing of the device is visible; what others sent is as it was.
"""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sensor_platform.home import Home
from sensor_platform.imports.import_files import ImportPlan, import_files
from sensor_platform.imports.known_imports import list_imports
from sensor_platform.imports.withdraw import withdraw
from sensor_platform.landing.config import LandingConfig
from sensor_platform.landing.files import compaction
from sensor_platform.landing.forget.rule import ForgetRule
from sensor_platform.landing.housekeeping import keep_house
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.landing.integrity.rebuild_ledger import rebuild_ledger
from sensor_platform.landing.integrity.reland import contracts_of, reland
from sensor_platform.landing.integrity.verify import verify
from sensor_platform.landing.quarantine.row_selection import RowSelection
from sensor_platform.landing.removal import intent
from sensor_platform.reading.batch import TimeLimits
from sensor_platform.reading.contract import DEFAULT_CONTRACT, Contract, TimeSource
from sensor_platform_tests.landing.forgets import forgotten, readings, rejects
from sensor_platform_tests.landing.homes import HOUR, T0, land_all, mixed_messages, seal_segment
from sensor_platform_tests.landing.interleavings import LONG, SETTINGS, killed
from sensor_platform_tests.landing.requeues import requeue

DEVICE, MESSAGES = "d1", 15
STEPS = [(intent, name) for name in ("write_file", "_write_manifests", "_commit", "_replace_archives", "_end")]
STEPS += [(compaction, "write_file"), (compaction, "_commit")]
WHATS = ("land", "again", "requeue", "reland", "upkeep", "rebuild", "forget", "import", "replace", "withdraw")
KEYS = ["device_id", "metric", "event_at", "value", "text", "segment", "position"]
Act = tuple[str, tuple[int, int] | None]


@dataclass
class Story:
    """A home, and what must be visible in it."""

    home: Home
    now: int = T0 + HOUR
    landed: list[int] = field(default_factory=list)
    is_forgotten: bool = False
    known: dict[tuple[int, ...], list[tuple[object, ...]]] = field(default_factory=dict)

    def act(self, what: str) -> None:
        self.now += 2 * HOUR
        if what in {"land", "again"}:
            self.land(1 + len(self.landed) if what == "land" or not self.landed else self.landed[-1])
        elif what == "requeue":
            requeue(self.home, DEFAULT_CONTRACT, RowSelection(), self.now)
        elif what == "reland":
            contracts = contracts_of((DEFAULT_CONTRACT,), LandingConfig(), date(2010, 1, 1), 10)
            reland(self.home, contracts, lambda: self.now)
        elif what == "upkeep":
            keep_house(self.home, 10, 7, self.now)
        elif what == "rebuild" and self.home.ledger_file.exists():
            rebuild_ledger(self.home)
        elif what == "forget":
            self.is_forgotten = True
            forgotten(self.home, ForgetRule(at=self.now, device=DEVICE, end=T0 + 99 * HOUR), self.now)
        elif what in {"import", "replace"}:
            self.take(what)
        elif what == "withdraw" and list_imports(self.home):
            withdraw(self.home, [str(self.file)], 600_000_000, lambda: self.now)

    def land(self, seed: int) -> None:
        """Land made-up messages, or the same ones once more, late."""
        self.landed.append(seed)
        seal_segment(self.home, len(self.landed), mixed_messages(seed, MESSAGES), received_at=T0 + len(self.landed))
        land_all(self.home, now=self.now)

    @property
    def file(self) -> Path:
        return self.home.root.with_name("history.csv")

    def take(self, what: str) -> None:
        self.file.write_text(f"device_id,ts,t\n{DEVICE},2026-01-01,1\nx,2026-01-01,2\n,2026-01-01,3\n")
        if what == "import" and list_imports(self.home):
            return
        zone = TimeSource(timezone="Europe/Berlin") if what == "replace" else TimeSource()
        plan = ImportPlan(Contract(name="h", topic="#", time=zone), TimeLimits(0, 1 << 60), 600_000_000, most_refused=1)
        import_files(self.home, [self.file], plan, lambda: self.now, is_replacing=what == "replace")

    def check(self) -> None:
        found = audit(self.home)
        assert found.difference == 0
        imports = 3 * len(list_imports(self.home))
        assert sum(hour.received for hour in found.hours) == MESSAGES * len(self.landed) + imports
        rows, refused = visible(self.home), rejects(self.home)
        assert not refused.is_duplicated().any()
        if self.is_forgotten:
            assert rows.filter(pl.col("device_id") == DEVICE).is_empty()
            assert DEVICE not in refused["device_id"].to_list()
        others = rows.filter(pl.col("device_id") != DEVICE, ~pl.col("segment").str.starts_with("import-"))
        assert others.rows() == self.expected()

    def expected(self) -> list[tuple[object, ...]]:
        seeds = tuple(self.landed)
        if seeds not in self.known:
            whole = Home(self.home.root.with_name(f"whole-{len(self.known)}"))
            for number, seed in enumerate(seeds, 1):
                seal_segment(whole, number, mixed_messages(seed, MESSAGES), received_at=T0 + number)
            land_all(whole, now=T0 + HOUR)
            self.known[seeds] = visible(whole).filter(pl.col("device_id") != DEVICE).rows()
        return self.known[seeds]


def visible(home: Home) -> pl.DataFrame:
    rows = readings(home) if home.ledger_file.exists() else pl.DataFrame()
    return rows.select(KEYS).sort(KEYS) if rows.width else pl.DataFrame(schema=dict.fromkeys(KEYS, pl.String))


WHERE = st.none() | st.tuples(st.integers(0, len(STEPS) - 1), st.integers(0, 2))
ACT = st.tuples(st.sampled_from(WHATS), WHERE)


@given(st.lists(ACT, min_size=2, max_size=4))
@example(acts=[("import", None), ("upkeep", None), ("forget", (2, 0)), ("again", None), ("withdraw", (3, 0))])
@example(acts=[("land", None), ("upkeep", None), ("forget", (4, 0)), ("rebuild", None), ("reland", None)])
@example(acts=[("land", None), ("upkeep", (5, 1)), ("forget", (2, 0)), ("upkeep", (6, 1)), ("requeue", None)])
@SETTINGS
def test_what_is_forgotten_stays_away_and_nothing_else_changes(
    tmp_path_factory: pytest.TempPathFactory, acts: list[Act]
) -> None:
    play(tmp_path_factory.mktemp("story"), acts)


@pytest.mark.soak
@given(st.lists(ACT, min_size=2, max_size=9))
@LONG
def test_what_is_forgotten_stays_away_in_long_stories(
    tmp_path_factory: pytest.TempPathFactory, acts: list[Act]
) -> None:
    play(tmp_path_factory.mktemp("story"), acts)


def play(folder: Path, acts: list[Act]) -> None:
    story = Story(Home(folder / "home"))
    story.act("land")
    for what, at in [*acts, ("forget", None), ("again", None), ("reland", None), ("rebuild", None)]:
        with killed(STEPS, at):
            story.act(what)
        if at is not None and what in {"forget", "withdraw", "replace"}:
            story.act(what)  # a person repeats it; a withdrawal that was committed finds nothing to take back
        story.check()
    assert verify(story.home, story.now).missed == ()

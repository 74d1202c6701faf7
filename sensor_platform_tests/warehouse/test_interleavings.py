"""Late, twice, shuffled, recalibrated, killed, again: in whatever order, the tables end as the oracle says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from shutil import rmtree
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sensor_platform.home import Home
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.catalog import read_catalog
from sensor_platform.warehouse.dirty import dirty_days
from sensor_platform.warehouse.lineage import dbt_models
from sensor_platform_tests.warehouse import oracle
from sensor_platform_tests.warehouse.counted_commits import wrap_commits
from sensor_platform_tests.warehouse.crashing import survives
from sensor_platform_tests.warehouse.landings import Landing, SiteStub
from sensor_platform_tests.warehouse.truth import BASE, COUNTERS, arrivals, check_clean, check_tier

HEAD = "metric,unit,kind,min,max,max_change_per_s,compare_within_s,stuck_after_s"
METRICS = (
    "",
    "temp,degC,,-50,1000,,,",
    "temp,degC,,-50,1000,5,900,1200",
    "temp,,,,30,,,600\nload,,counter,,,,,",
    "load,kWh,counter,0,,1,,",
)
START, END = (BASE + timedelta(minutes=90)).isoformat(), (BASE + timedelta(hours=2)).isoformat()
CALIBRATIONS = (
    "",
    f"pump,temp,2,1,{START},{END}",
    f"pump,temp,2,1,{START},\nfan,load,0.5,,,{END}",
    f"pump,temp,1,,,{END}",
)


@dataclass(frozen=True)
class Step:
    """One thing that happens. At most one of the fields is set; none of them is a build of what is dirty."""

    land: int | None = None
    catalog: tuple[str, str] | None = None
    killed_at: int | None = None
    everything: bool = False


STEPS = st.one_of(
    st.builds(Step),
    st.builds(Step, catalog=st.tuples(st.sampled_from(METRICS), st.sampled_from(CALIBRATIONS))),
    st.builds(Step, killed_at=st.integers(0, 8)),
    st.builds(Step, everything=st.just(True)),
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[list[dict[str, Any]]], list[Step]]:
    """Segments of messages, and an order in which they land while other things happen."""
    parts = draw(arrivals())
    between = draw(st.lists(STEPS, min_size=1, max_size=5))
    landings = [Step(land=number) for number in range(len(parts))]
    return parts, draw(st.permutations([*landings, *between]))


def write_catalog(folder: Path, metrics: str, calibration: str) -> None:
    (folder / "metrics.csv").write_text(f"{HEAD}\n{metrics}\n")
    (folder / "calibration.csv").write_text(f"device_id,metric,gain,offset,valid_from,valid_to\n{calibration}\n")


def check_history(root: Path, parts: Sequence[list[dict[str, Any]]], steps: Sequence[Step]) -> None:
    home, catalog = Home(root / "home"), root / "catalog"
    catalog.mkdir()
    landing, site = Landing(home), SiteStub(catalog=catalog)
    landed: list[dict[str, Any]] = []
    for step in steps:
        if step.land is not None:
            landing.land(parts[step.land])
            landed += landing.landed
        elif step.catalog is not None:
            write_catalog(catalog, *step.catalog)
        elif step.killed_at is not None:
            survives(step.killed_at, wrap_commits, partial(build, home, site, position=1))
        else:
            assert build(home, site, position=None if step.everything else 1).is_ok
    for _ in range(2):
        assert build(home, site, position=1).is_ok
    assert dirty_days(home, site, dbt_models()) == ()
    known = read_catalog(catalog)
    counters = COUNTERS & {metric.metric for metric in known.metrics if metric.kind == "counter"}
    with duckdb.connect(str(home.warehouse_file), read_only=True) as warehouse:
        readings = oracle.clean(landed, known)
        check_clean(warehouse, readings.rows())
        for table, every in oracle.TIERS.items():
            check_tier(warehouse, table, oracle.tier(readings, every, counters))


SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large)
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # a build takes a second: shrinking would take an hour


@given(histories())
@settings(deadline=None, max_examples=4, phases=PHASES, suppress_health_check=SLOW)
def test_any_interleaving_ends_in_the_tables_of_the_oracle(
    tmp_path_factory: pytest.TempPathFactory, history: tuple[list[list[dict[str, Any]]], list[Step]]
) -> None:
    check_history(tmp_path_factory.mktemp("history"), *history)


@pytest.fixture(scope="session")
def say(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Print past pytest's capture; of the whole session, for a fixture of one test is not Hypothesis's to repeat."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def line(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(text, flush=True)

    return line


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_many_interleavings_end_in_the_tables_of_the_oracle(
    tmp_path_factory: pytest.TempPathFactory, say: Callable[[str], None]
) -> None:
    done = count(1)

    @given(histories())
    @settings(deadline=None, max_examples=150, phases=PHASES, suppress_health_check=SLOW)
    def check(history: tuple[list[list[dict[str, Any]]], list[Step]]) -> None:
        root = tmp_path_factory.mktemp("history")
        check_history(root, *history)
        rmtree(root)
        say(f"{next(done)} histories end as the oracle says")

    check()

"""Landing, reload, requeue, reland, drop, forget, withdrawal, upkeep and rebuilds in any order, killed at any step.

Whatever happened, every message has one outcome at every moment, and a last reland ends where landing under the last
contract would have ended.
"""

import contextlib
import functools
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.imports.import_files import ImportPlan, import_files
from sensor_platform.imports.known_imports import list_imports
from sensor_platform.imports.withdraw import withdraw
from sensor_platform.landing import housekeeping
from sensor_platform.landing.config import LandingConfig
from sensor_platform.landing.files import compaction
from sensor_platform.landing.forget.rule import ForgetRule
from sensor_platform.landing.housekeeping import keep_house
from sensor_platform.landing.integrity import reland_intent
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.landing.integrity.rebuild_ledger import rebuild_ledger
from sensor_platform.landing.integrity.reland import contracts_of, reland
from sensor_platform.landing.integrity.verify import verify
from sensor_platform.landing.ledger import landing_files, read_ledger, slots_between
from sensor_platform.landing.quarantine.listing import chosen_rows
from sensor_platform.landing.quarantine.row_selection import RowSelection
from sensor_platform.landing.removal import intent
from sensor_platform.reading.batch import TimeLimits
from sensor_platform.reading.contract import DEFAULT_CONTRACT, Contract, ValueSource
from sensor_platform_tests.landing.forgets import forgotten
from sensor_platform_tests.landing.homes import HOUR, T0, land_all, mixed_messages, seal_segment
from sensor_platform_tests.landing.interleavings import LONG, SETTINGS, killed
from sensor_platform_tests.landing.older_requeues import older_requeue
from sensor_platform_tests.landing.requeues import drop, requeue

SEGMENTS, MESSAGES = 3, 20
SLOT = 600_000_000
CONTRACTS = (
    Contract(name="strict", topic="#", device=ValueSource(field=("device_id", "sensorId")), strings="number"),
    DEFAULT_CONTRACT,
    Contract(name="renamed", topic="#", rename={"t": "temperature"}, ignore=("h",)),
    Contract(name="by topic", topic="#", device=ValueSource(topic_level=-1), required_metrics=("t",)),
)
KEYS = ("segment", "position", "device_id", "metric", "event_at", "received_at", "value", "text", "unit")
STEPS = (
    (reland_intent, "write_file"),
    (reland_intent, "write_manifest"),
    (reland_intent, "_commit"),
    (reland_intent, "drop_intent"),
    (compaction, "write_file"),
    (compaction, "_commit"),
    (housekeeping, "delete_files"),
    (intent, "_write_manifests"),
    (intent, "_commit"),
    (intent, "_end"),
)


@dataclass(frozen=True)
class Do:
    """One thing that happens, and where it is killed, if it is: the number of a step, and how often that is passed."""

    what: str
    contract: int = 0
    rule: str | None = None
    killed_at: tuple[int, int] | None = None


def visible(home: Home) -> pl.DataFrame:
    with read_ledger(home) as ledger:
        files = landing_files(ledger, home, slots_between(ledger, 0, 1 << 60)) if ledger else []
    frames = [pl.read_parquet(file.path, hive_partitioning=False) for file in files]
    assert [len(frame) for frame in frames] == [file.rows for file in files]
    return pl.concat(frames).select(KEYS) if frames else pl.DataFrame(schema=dict.fromkeys(KEYS, pl.String))


def says(home: Home) -> tuple[object, ...]:
    """Readings, rejects and outcomes by hour and device."""
    rejects = chosen_rows(home, RowSelection()).select("segment", "position", "rule", "scope")
    with read_ledger(home) as ledger:
        assert ledger is not None
        counts = ledger.execute(
            "select hour, device_id, received, landed, quarantined, duplicate, rejected_readings from counts"
            " where received + landed + quarantined + duplicate + rejected_readings <> 0 order by 1, 2"
        ).fetchall()
    return sorted(visible(home).rows(), key=repr), sorted(rejects.rows()), counts


Given = dict[tuple[object, object], tuple[str, ...]]
"""Segment and position of each message with readings to these."""


def given_by(home: Home) -> Given:
    found: dict[tuple[object, object], list[str]] = {}
    for segment, position, *rest in visible(home).rows():
        found.setdefault((segment, position), []).append(repr(rest))
    return {message: tuple(sorted(rows)) for message, rows in found.items()}


def check(home: Home, landed: int, possible: list[Given]) -> None:
    """What holds at every moment: one outcome for each message, and readings as one of the contracts makes them."""
    assert audit(home).difference == 0
    assert sum(hour.received for hour in audit(home).hours) == MESSAGES * landed
    found = given_by(home)
    for message in {message for each in possible for message in each if str(message[0])[-1] <= str(landed)}:
        assert found.pop(message, ()) in [each.get(message, ()) for each in possible], f"message {message}"
    assert not found


def happen(home: Home, do: Do, now: int) -> None:
    contract = CONTRACTS[do.contract]
    choice = RowSelection(rules=(do.rule,) if do.rule else ())
    with killed(STEPS, do.killed_at):
        if do.what == "requeue":
            requeue(home, contract, choice, now)
        elif do.what == "reland":
            reland(home, contracts_of((contract,), LandingConfig(), date(2010, 1, 1), 10), lambda: now)
        elif do.what == "older requeue":
            reland(home, contracts_of(CONTRACTS[:1], LandingConfig(), date(2010, 1, 1), 10), lambda: now)
            older_requeue(home, CONTRACTS[1], now)
        elif do.what == "drop":
            drop(home, choice, now)
        elif do.what == "upkeep":
            keep_house(home, 10, 7, now)
        elif do.what == "rebuild":
            rebuild_ledger(home)
        elif do.what == "forget":
            forgotten(home, ForgetRule(at=now, device="never-sent"), now)
        elif do.what == "withdraw":
            imported(home)
            withdraw(home, [str(history(home))], SLOT, lambda: now)
    if do.killed_at and list_imports(home):  # a person repeats it
        with contextlib.suppress(WrongUse):  # what the killed one had begun was finished first
            withdraw(home, [str(history(home))], SLOT, lambda: now)


def history(home: Home) -> Path:
    return home.root.with_name(f"{home.root.name}-history.csv")


def imported(home: Home) -> None:
    history(home).write_text("device_id,ts,t\nd1,2026-01-01,1\nx,2026-03-01T12:00:00,2\n,2026-01-01,3\n")
    plan = ImportPlan(Contract(name="h", topic="#"), TimeLimits(0, 1 << 60), SLOT, most_refused=1)
    import_files(home, [history(home)], plan, lambda: T0)


@functools.cache
def possible_results() -> list[Given]:
    """What each of the contracts makes of the messages."""
    with tempfile.TemporaryDirectory() as folder:
        return [given_by(ended_with(Path(folder, str(number)), each)) for number, each in enumerate(CONTRACTS)]


def ended_with(root: Path, contract: Contract) -> Home:
    """A home in which everything was landed under one contract."""
    home = Home(root)
    for seq in range(1, SEGMENTS + 1):
        seal_segment(home, seq, mixed_messages(seq, MESSAGES), received_at=T0 + seq)
    land_all(home, [contract])
    return home


WHERE = st.none() | st.tuples(st.integers(0, len(STEPS) - 1), st.integers(0, 3))
RULES = st.sampled_from([None, "not_a_number", "no_device", "undecodable"])
CONTRACT = st.integers(0, len(CONTRACTS) - 1)
ACTS = st.one_of(
    st.builds(Do, what=st.just("requeue"), contract=CONTRACT, rule=RULES, killed_at=WHERE),
    st.builds(Do, what=st.just("requeue"), contract=CONTRACT),
    st.builds(Do, what=st.just("reland"), contract=CONTRACT, killed_at=WHERE),
    st.builds(Do, what=st.just("older requeue")),
    st.builds(Do, what=st.just("upkeep"), killed_at=WHERE),
    st.builds(Do, what=st.just("rebuild")),
    st.builds(Do, what=st.just("reload"), contract=CONTRACT),
    st.builds(Do, what=st.just("forget"), killed_at=WHERE),
    st.builds(Do, what=st.just("withdraw"), killed_at=WHERE),
)


def run(home: Home, acts: list[Do], *, upkeep_between: bool) -> None:
    possible = possible_results()
    now, landed, in_force = T0 + HOUR, 0, 0
    for number, do in enumerate([*acts, *[Do("nothing")] * SEGMENTS]):
        if number % 2 == 0 and landed < SEGMENTS:
            landed += 1
            seal_segment(home, landed, mixed_messages(landed, MESSAGES), received_at=T0 + landed)
            land_all(home, [CONTRACTS[in_force]], now)
        in_force = do.contract if do.what == "reload" else in_force
        now += 90 * 60 * 1_000_000
        happen(home, do, now)
        check(home, landed, possible)
        if upkeep_between:
            keep_house(home, 10, 7, now + 1_000_000)
            check(home, landed, possible)
    last = Do("reland", contract=1)
    happen(home, last, now + HOUR)
    assert says(home) == says(ended_with(home.root.with_name(f"{home.root.name}-ended"), CONTRACTS[1]))
    assert verify(home, now + HOUR).missed == ()
    before = says(home)
    rebuild_ledger(home)
    assert says(home) == before


@given(st.lists(ACTS, min_size=2, max_size=4), st.booleans())
@example(
    acts=[Do("reload", 2), Do("withdraw", killed_at=(7, 0)), Do("requeue", 1), Do("forget"), Do("reland", 3)],
    upkeep_between=False,
)
@example(
    acts=[Do("requeue", 1), Do("upkeep"), Do("requeue", 2), Do("reland", 3), Do("requeue", 1)],
    upkeep_between=True,
)
@example(
    acts=[Do("older requeue"), Do("upkeep"), Do("requeue", 2), Do("upkeep"), Do("reland", 1)], upkeep_between=False
)
@example(  # killed after the file of the quarantine, and after its manifest
    acts=[
        Do("upkeep", killed_at=(4, 1)),
        Do("requeue", 1, rule="no_device"),
        Do("upkeep", killed_at=(5, 1)),
        Do("requeue", 1, killed_at=(1, 1)),
    ],
    upkeep_between=False,
)
@SETTINGS
def test_whatever_happens_a_message_gives_what_one_contract_makes_of_it(
    tmp_path_factory: pytest.TempPathFactory, acts: list[Do], upkeep_between: bool
) -> None:
    run(Home(tmp_path_factory.mktemp("changes") / "home"), acts, upkeep_between=upkeep_between)


@pytest.mark.soak
@given(st.lists(ACTS, min_size=3, max_size=9), st.booleans())
@LONG
def test_whatever_happens_in_long_stories_a_message_gives_what_one_contract_makes_of_it(
    tmp_path_factory: pytest.TempPathFactory, acts: list[Do], upkeep_between: bool
) -> None:
    run(Home(tmp_path_factory.mktemp("changes") / "home"), acts, upkeep_between=upkeep_between)

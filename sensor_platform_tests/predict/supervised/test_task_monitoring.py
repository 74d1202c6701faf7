"""The live record of supervised tasks: what is clearly worse is rolled back, what was merely unlucky is not."""

import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import msgspec
import numpy as np
import polars as pl
import pytest

from sensor_platform.home import Home
from sensor_platform.labels.label_store import add_label
from sensor_platform.predict.registry import version_files
from sensor_platform.predict.supervised import losses
from sensor_platform.predict.supervised.calibration import ProbabilityCalibration
from sensor_platform.predict.supervised.losses import is_clearly_more
from sensor_platform.predict.supervised.monitor_tasks import TaskHealth, monitor_tasks
from sensor_platform.predict.supervised.score_tasks import score_tasks
from sensor_platform.predict.supervised.task_card import MODEL
from sensor_platform.predict.supervised.task_registry import task_models
from sensor_platform.predict.supervised.train_tasks import train_tasks
from sensor_platform.predict.supervised.training_needs import needs_task_training, unusable_champions
from sensor_platform.warehouse.published.joined_views import statements
from sensor_platform_tests.predict.machines import HOURS, NOW, SITE, START, fill, machines, scores

TRAINED = 28 * 24
PROMOTED = START + timedelta(hours=TRAINED + 12)


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tasks trained on 28 days, with 22 later days and all their labels."""
    root = tmp_path_factory.mktemp("learnt")
    home = Home(root)
    rows, labels = machines()
    for each in labels:
        add_label(home, each)
    fill(home, rows)
    report = train_tasks(home, SITE, START + timedelta(hours=TRAINED))
    assert all(each.promoted for each in report.tasks)
    return root


@pytest.fixture
def home(learnt: Path, tmp_path: Path) -> Home:
    return Home(Path(shutil.copytree(learnt, tmp_path / "home")))


def successor(home: Home, task: str, at: datetime = PROMOTED, **changes: object) -> tuple[str, str]:
    """Another version, promoted by hand, with these changes of its card; the version before and it."""
    good = task_models.load_champion(home, task)
    assert good is not None
    contents = {MODEL: good.booster.model_to_string().encode()}
    name = version_files.version_name(at, {**contents, "changes": repr(changes).encode()})
    task_models.save(home, msgspec.structs.replace(good.card, version=name, created_at=at, **changes), contents)
    task_models.promote(home, task, name, at, "by hand")
    return good.card.version, name


def watched(home: Home, task: str = "pump", now: datetime = NOW) -> TaskHealth:
    (found,) = [each for each in monitor_tasks(home, SITE, now) if each.task == task]
    return found


def test_a_poisoned_champion_is_rolled_back_and_the_reason_is_kept(home: Home) -> None:
    upside_down = (ProbabilityCalibration(slope=-1.0, offset=0.0),)
    good, poisoned = successor(home, "pump", calibrations=upside_down)
    score_tasks(home, SITE, now=NOW)
    health = watched(home)
    assert health.action.startswith("rolled back: decisions cost")
    periods = task_models.champion_periods(home, "pump")
    assert [each.version for each in periods] == [good, poisoned, good]
    assert periods[-1].serves_from == NOW
    assert periods[-1].why.startswith("rolled back: ")
    assert good in periods[-1].why
    assert watched(home, now=NOW + timedelta(hours=1)).action != health.action
    assert len(task_models.champion_periods(home, "pump")) == 3


def test_a_threshold_that_is_poisoned_costs_and_is_rolled_back(home: Home) -> None:
    good, _ = successor(home, "pump", threshold=0.0)
    score_tasks(home, SITE, now=NOW)
    assert watched(home).action.startswith("rolled back: decisions cost")
    assert task_models.champion_periods(home, "pump")[-1].version == good


def test_a_remaining_life_that_is_far_off_is_rolled_back(home: Home) -> None:
    good, _ = successor(home, "life", most_hours=20)
    score_tasks(home, SITE, now=NOW)
    assert watched(home, "life").action.startswith("rolled back: ")
    assert task_models.champion_periods(home, "life")[-1].version == good


def test_models_that_change_daily_are_compared_on_all_scores_since(home: Home) -> None:
    """None is in charge for eight days; each new one is as poisoned as the one before."""
    at = [PROMOTED + timedelta(days=2 * number) for number in range(10)]
    good, _ = successor(home, "pump", at[0], threshold=0.0)
    for number, each in enumerate(at[1:]):
        successor(home, "pump", each, seed=number)
    score_tasks(home, SITE, now=NOW)
    assert watched(home).action.startswith("rolled back: decisions cost")
    assert task_models.champion_periods(home, "pump")[-1].version == good


def test_a_sound_champion_is_not_rolled_back_for_what_was_served_before_it(home: Home) -> None:
    card = task_models.champion_card(home, "pump")
    assert card is not None
    successor(home, "pump", threshold=0.0)
    _, sound = successor(home, "pump", NOW - timedelta(days=4), threshold=card.threshold)
    score_tasks(home, SITE, now=NOW)
    assert not watched(home).action.startswith("rolled back")
    assert task_models.champion_periods(home, "pump")[-1].version == sound


def test_a_champion_that_was_merely_unlucky_stays(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a day on which all machines were upset it misses failures that the older one sees: a quarter more cost."""
    good = task_models.champion_card(home, "pump")
    assert good is not None
    assert good.threshold is not None
    _, younger = successor(home, "pump", threshold=good.threshold * 2)
    rows, _ = machines()
    day = rows.filter(pl.col("hour").is_between(TRAINED + 240, TRAINED + 263))
    fill(home, day.with_columns(mean=pl.col("mean") + 1.5), position=2)
    score_tasks(home, SITE, now=NOW)
    assert not watched(home).action.startswith("rolled back")
    assert task_models.champion_periods(home, "pump")[-1].version == younger
    monkeypatch.setattr(losses, "CHANCE", 0.5)  # by the mean alone it would go
    assert watched(home).action.startswith("rolled back")


def test_a_sound_champion_stays_and_its_figures_are_those_of_the_published_view(home: Home) -> None:
    score_tasks(home, SITE, now=NOW)
    health, life = watched(home), watched(home, "life")
    assert (health.breaches, health.action) == ((), "none")
    assert health.loss is not None
    assert health.loss_without is not None
    assert health.loss < 0.6 * health.loss_without
    names = ("supervised_scores", "supervised_answers")
    tables = {names[0]: scores(home), names[1]: pl.read_parquet(home.published / names[1] / "all.parquet")}
    with duckdb.connect() as connection:
        for name, rows in tables.items():
            connection.register(name, rows.to_arrow())
        for statement in statements(tables):
            connection.execute(statement.replace("create view", "create temp view"))
        found = connection.execute(
            "select task, count(*), avg(error * error), avg(abs(error)), avg(cost), avg(is_inside::int)"
            " from supervised_accuracy group by task order by task desc"
        ).fetchall()
    (_, count, brier, _, cost, _), (_, lives, _, off, life_cost, inside) = found
    assert (count, lives) == (health.answered, life.answered)
    assert (brier, cost) == pytest.approx((health.loss, health.cost_per_hour))
    assert (off, life_cost, inside) == pytest.approx((life.loss, life.cost_per_hour, life.coverage))


def test_drift_asks_for_a_training_once_and_a_newer_version_answers_it(home: Home) -> None:
    rows, _ = machines()
    noise = np.random.default_rng(1).normal(0, 9, rows.height)
    wild = rows.with_columns(mean=pl.col("mean") + noise).filter(pl.col("hour") >= HOURS - 200)
    fill(home, wild, position=2)
    score_tasks(home, SITE, now=NOW)
    health = watched(home)
    assert any("PSI" in each for each in health.breaches)
    assert health.action == "asked for training"
    assert {need.metric for need in needs_task_training(home, SITE)} == {"pump", "life"}
    train_tasks(home, SITE, NOW + timedelta(minutes=1))
    assert needs_task_training(home, SITE) == ()


def test_a_champion_whose_file_was_changed_is_rolled_back_and_its_hours_are_kept(home: Home) -> None:
    good, changed = successor(home, "pump", threshold=0.4)
    score_tasks(home, SITE, now=NOW)
    before = scores(home)
    path = task_models.folder(home, "pump") / changed / MODEL
    path.write_bytes(path.read_bytes().replace(b"leaf_value=", b"leaf_value=1", 1))
    health, life = watched(home), watched(home, "life")
    assert "SHA-256" in health.action
    assert life.breaches == ()
    assert task_models.champion_periods(home, "pump")[-1].version == good
    report = score_tasks(home, SITE, now=NOW + timedelta(hours=1))
    assert "kept as they were" in str(report.by_task[0]["note"])
    assert scores(home).equals(before)


def test_scoring_itself_replaces_a_champion_that_was_changed_and_goes_on(home: Home) -> None:
    good, changed = successor(home, "pump", at=NOW - timedelta(hours=100), threshold=0.4)
    path = task_models.folder(home, "pump") / changed / MODEL
    path.write_bytes(path.read_bytes() + b"\n")
    score_tasks(home, SITE, now=NOW - timedelta(hours=50))
    score_tasks(home, SITE, position=1, now=NOW)
    periods = task_models.champion_periods(home, "pump")
    assert [each.version for each in periods] == [good, changed, good]
    assert "SHA-256" in periods[-1].why
    rows = scores(home).filter(pl.col("task") == "pump")
    assert rows["model_id"].unique().to_list() == [task_models.model_id("pump", good)]
    assert rows["window_start"].max() == (NOW - timedelta(hours=1)).replace(tzinfo=None)


def test_a_damaged_champion_file_does_not_stop_other_tasks_and_is_reported(home: Home) -> None:
    (task_models.folder(home, "pump") / "champion.json").write_text("{")
    pump, life = train_tasks(home, SITE, NOW).tasks
    assert "champion.json cannot be trusted" in pump.why
    assert life.trained
    assert [row["task"] for row in unusable_champions(home, SITE)] == ["pump"]
    (need,) = needs_task_training(home, SITE)
    assert "champion.json cannot be trusted" in need.why
    assert "champion.json cannot be trusted" in watched(home).breaches[0]
    assert watched(home, "life").breaches == ()


def test_a_task_without_a_champion_has_no_health(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert monitor_tasks(home, SITE, NOW) == ()
    assert monitor_tasks(home, replace(SITE, supervised=()), NOW) == ()


def test_one_bad_day_is_one_observation() -> None:
    rng = np.random.default_rng(2)
    days = np.repeat(np.arange(20), 24)
    theirs = rng.uniform(0, 0.2, 480)
    bad_day = theirs + np.where(days == 7, 5.0, 0.0)
    every_day = theirs + 0.1
    assert bad_day.mean() > 2 * theirs.mean()
    assert not is_clearly_more(bad_day, theirs, [days])
    assert is_clearly_more(every_day, theirs, [days])
    assert not is_clearly_more(theirs * 1.04, theirs, [days])
    assert not is_clearly_more(every_day[:168], theirs[:168], [days[:168]])  # a week is too little
    assert not is_clearly_more(every_day, theirs, [days, np.zeros(480, int)])  # all of one life


def test_equally_good_models_are_hardly_ever_rolled_back() -> None:
    """Looked at daily for sixty days: the losses of a day belong together, and days are unequal."""
    rng = np.random.default_rng(4)
    days = np.repeat(np.arange(60), 4)
    rolled_back = 0
    for _ in range(300):
        mine, theirs = (1 + rng.normal(0, 0.2, (60, 1)) + rng.normal(0, 0.1, (60, 4)) for _ in range(2))
        looks = (slice(0, n * 4) for n in range(8, 61))
        rolled_back += any(is_clearly_more(mine.ravel()[some], theirs.ravel()[some], [days[some]]) for some in looks)
    assert rolled_back <= 0.01 * 300

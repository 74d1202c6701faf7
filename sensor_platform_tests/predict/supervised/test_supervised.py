"""Supervised tasks on made-up machines with a known law: found, honest about what is not there, the same again."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import lightgbm
import msgspec
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.labels.label_store import add_label
from sensor_platform.predict.supervised import folds
from sensor_platform.predict.supervised import score_tasks as scoring
from sensor_platform.predict.supervised.config import Costs, TaskConfig
from sensor_platform.predict.supervised.folds import Fold
from sensor_platform.predict.supervised.score_tasks import score_tasks
from sensor_platform.predict.supervised.task_registry import task_models
from sensor_platform.predict.supervised.train_tasks import train_tasks
from sensor_platform.predict.supervised.training_needs import needs_task_training
from sensor_platform_tests.predict.machines import (
    FAILS,
    HOURS,
    LEARNT,
    NOW,
    SITE,
    START,
    THEN,
    fill,
    label,
    machines,
    micros,
    scores,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Trained on 44 days, scored on the 6 that follow."""
    home = Home(tmp_path_factory.mktemp("home"))
    rows, labels = machines()
    for each in labels:
        if each.start_at < micros(LEARNT):
            add_label(home, each)
    fill(home, rows)
    report = train_tasks(home, SITE, THEN)
    assert [(each.promoted, each.folds_by) for each in report.tasks] == [(True, "device")] * 2
    score_tasks(home, SITE, position=1, now=NOW)
    return home


def test_a_failure_with_a_known_law_is_found_on_machines_held_out(trained: Home) -> None:
    card = task_models.champion_card(trained, "pump")
    assert card is not None
    said = {name: value or 0.0 for name, value in card.estimate.items()}
    assert said["auc"] > 0.97
    assert said["events_found"] >= 0.9 * said["events"] > 20
    assert said["calibration_error"] < 0.05
    assert said["cost_per_hour"] < 0.5 * min(said["cost_never"], said["cost_always"])


def test_the_estimate_holds_on_later_days(trained: Home) -> None:
    """F1 on the days after the training is within 0.15 of the estimate on held-out devices."""
    rows = scores(trained).filter(pl.col("task") == "pump")
    _, labels = machines()
    soon = {(each.device_id, each.start_at // 3_600_000_000 - back) for each in labels for back in range(1, 25)}
    hour = rows["window_start"].dt.epoch("us") // 3_600_000_000
    yes = np.array([(device, at) in soon for device, at in zip(rows["device_id"], hour, strict=True)])
    flagged = rows["is_alarm"].to_numpy()
    last_known = (hour < micros(HOURS - 24) // 3_600_000_000).to_numpy()
    yes, flagged = yes[last_known], flagged[last_known]
    f1 = 2 * (yes & flagged).sum() / (yes.sum() + flagged.sum())
    card = task_models.champion_card(trained, "pump")
    assert card is not None
    assert f1 == pytest.approx(card.estimate["f1"], abs=0.15)


def test_training_hours_are_not_scored_and_alarms_have_reasons(trained: Home) -> None:
    rows = scores(trained)
    assert set(rows["task"]) == {"pump", "life"}
    assert (rows["window_start"] > rows["trained_to"]).all()
    alarms = rows.filter(pl.col("task") == "pump", "is_alarm")
    assert alarms.height
    assert all("vibration" in reason for reason in alarms["reason"])
    assert rows.filter(~pl.col("is_alarm"))["reason"].is_null().all()


def test_remaining_life_beats_the_median_and_its_interval_covers(trained: Home) -> None:
    card = task_models.champion_card(trained, "life")
    assert card is not None
    said = {name: value or 0.0 for name, value in card.estimate.items()}
    assert said["mae"] < 0.75 * said["base_mae"]
    assert 0.8 <= said["coverage"] <= 0.98
    rows = scores(trained).filter(pl.col("task") == "life")
    assert ((rows["lower"] <= rows["value"]) & (rows["value"] <= rows["upper"])).all()


def test_scoring_again_changes_nothing_and_a_late_row_makes_a_revision(
    trained: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = scores(trained)
    assert score_tasks(trained, SITE, position=1, now=NOW + timedelta(hours=1)).windows == 0
    whole = score_tasks(trained, SITE, now=NOW + timedelta(hours=1))
    assert_frame_equal(scores(trained), before, check_exact=True)
    monkeypatch.setattr(scoring, "_ROWS", 1)  # day by day
    assert replace(score_tasks(trained, SITE, now=NOW + timedelta(hours=1)), seconds=whole.seconds) == whole
    assert_frame_equal(scores(trained), before, check_exact=True)
    late = pl.DataFrame({"device_id": ["pump 0"], "hour": [HOURS - 30], "mean": [30.0]})
    fill(trained, late, position=2)
    score_tasks(trained, SITE, position=2, now=NOW + timedelta(hours=2))
    after, gone = scores(trained), scores(trained, "supervised_superseded")
    assert gone.height > 0
    assert set(gone["device_id"]) >= {"pump 0"}
    assert (gone["superseded_at"] == (NOW + timedelta(hours=2)).replace(tzinfo=None)).all()
    changed = after.filter(pl.col("revision") == 1)
    assert changed.height == gone.height
    assert (changed["inputs_position"] == 2).all()
    known_then = pl.concat([after.filter(pl.col("revision") == 0), gone.drop("superseded_at")]).sort(
        "task", "device_id", "window_start"
    )
    assert_frame_equal(known_then, before, check_exact=True)


def test_the_same_seed_gives_the_same_model(trained: Home) -> None:
    report = train_tasks(trained, replace(SITE, supervised=(FAILS,)), THEN + timedelta(seconds=1))
    assert report.tasks[0].trained
    first, second = (task_models.card_of(trained, "pump", each) for each in task_models.versions(trained, "pump"))
    assert first.files == second.files
    assert (first.threshold, first.calibrations) == (second.threshold, second.calibrations)


def test_a_label_that_depends_only_on_the_device_is_not_learned(tmp_path: Path) -> None:
    """Half of the machines are labelled wet, at random. Rows drawn at random would seem to predict it perfectly."""
    rng = np.random.default_rng(5)
    home = Home(tmp_path)
    site = replace(
        SITE, supervised=(TaskConfig(name="wet", kind="classes", labels=("dry", "wet"), metrics=("vibration",)),)
    )
    rows = [
        pl.DataFrame({"device_id": [f"d{n}"] * 240, "hour": range(240), "mean": n + rng.normal(0, 0.1, 240)})
        for n in range(16)
    ]
    fill(home, pl.concat(rows), site=site)
    for number, wet in enumerate(rng.permutation(16) % 2):
        add_label(home, label(f"d{number}", 0, "wet" if wet else "dry", hours=239))
    (done,) = train_tasks(home, site, START + timedelta(hours=240)).tasks
    assert done.trained
    assert not done.promoted
    assert "on held-out devices, not better than" in done.why
    assert task_models.champion_card(home, "wet") is None
    assert needs_task_training(home, site) == ()  # it was tried with these labels
    add_label(home, replace(label("d0", 300, "wet"), created_at=micros(241)))
    assert [need.metric for need in needs_task_training(home, site)] == ["wet"]


def test_folds_that_share_a_device_are_refused() -> None:
    leaking = Fold(np.array([0, 1, 2]), np.array([3]))
    with pytest.raises(CheckFailed, match="both sides of a fold, for instance b"):
        folds.check_apart([leaking], ["a", "a", "b", "b"])
    folds.check_apart([Fold(np.array([0, 1]), np.array([2, 3]))], ["a", "a", "b", "b"])


def test_costs_move_the_threshold(trained: Home, tmp_path: Path) -> None:
    card = task_models.champion_card(trained, "pump")
    assert card is not None
    dear = msgspec.structs.replace(FAILS, costs=Costs(missed=0.2, false_alarm=10.0))
    train_tasks(trained, replace(SITE, supervised=(dear,)), THEN + timedelta(seconds=2))
    newest = task_models.card_of(trained, "pump", task_models.versions(trained, "pump")[-1])
    assert card.threshold is not None
    assert newest.threshold is not None
    assert newest.threshold > card.threshold
    assert newest.files == card.files


def test_a_model_file_that_was_changed_is_not_used(trained: Home) -> None:
    champion = task_models.load_champion(trained, "life")
    assert champion is not None
    path = task_models.folder(trained, "life") / champion.card.version / "model.txt"
    sound = path.read_bytes()
    path.write_bytes(sound.replace(b"leaf_value=", b"leaf_value=1", 1))
    try:
        with pytest.raises(CheckFailed, match="SHA-256"):
            task_models.load_champion(trained, "life")
    finally:
        path.write_bytes(sound)
    assert isinstance(champion.booster, lightgbm.Booster)


def test_classes_with_a_known_law_are_separated_and_costly_ones_are_predicted_more_often(tmp_path: Path) -> None:
    """Water is unfit above 6, doubtful above 4; nothing else decides. Labels are half as long as the history."""
    home, rng = Home(tmp_path), np.random.default_rng(6)
    names = ("fit", "doubtful", "unfit")
    task = TaskConfig(name="water", kind="classes", labels=names, inputs={"bod": "BOD", "noise": "pH.std_24"})
    dear = msgspec.structs.replace(task, name="careful", class_costs={"unfit": 50.0})
    site = replace(SITE, supervised=(task, dear))
    levels = {f"plant {n}": np.repeat(rng.uniform(2, 8, 40), 12) for n in range(6)}
    for metric, noise in (("BOD", 0.4), ("pH", 1.0)):
        parts = [
            pl.DataFrame({"device_id": [name] * 480, "hour": range(480), "mean": level + rng.normal(0, noise, 480)})
            for name, level in levels.items()
        ]
        fill(home, pl.concat(parts), site=site, metric=metric)
    for name, level in levels.items():
        for block in range(20):
            at = level[block * 12]
            add_label(home, label(name, block * 12, names[int(at > 4) + int(at > 6)], hours=11))
    report = train_tasks(home, site, START + timedelta(hours=480))
    assert [each.promoted for each in report.tasks] == [True, True]
    card = task_models.champion_card(home, "water")
    assert card is not None
    assert card.classes == names
    assert (card.estimate["accuracy"] or 0) > 0.8
    assert card.trained_to == START + timedelta(hours=239)
    score_tasks(home, site, now=START + timedelta(hours=480))
    rows = scores(home)
    hour = (rows["window_start"].dt.epoch("us") // 3_600_000_000 - micros(0) // 3_600_000_000).to_list()
    truth = [levels[device][at] for device, at in zip(rows["device_id"], hour, strict=True)]
    rows = rows.with_columns(truth=pl.Series([names[int(at > 4) + int(at > 6)] for at in truth]))
    plain, careful = (rows.filter(pl.col("task") == name) for name in ("water", "careful"))
    assert (plain["class"] == plain["truth"]).mean() > 0.8  # type: ignore[operator]  # Polars types it as any literal
    missed = [each.filter(pl.col("truth") == "unfit")["class"].ne("unfit").sum() for each in (plain, careful)]
    assert missed[1] < missed[0]
    assert careful["class"].eq("unfit").sum() > plain["class"].eq("unfit").sum()
    assert plain["reason"].str.contains("bod").mean() > 0.9  # type: ignore[operator]


def test_a_single_device_is_tested_on_later_hours_and_the_card_records_it(tmp_path: Path) -> None:
    home, site = Home(tmp_path), replace(SITE, supervised=(FAILS,))
    rows, labels = machines()
    fill(home, rows.filter(pl.col("device_id") == "pump 1"), site=site)
    for each in labels:
        if each.device_id == "pump 1":
            add_label(home, each)
    (done,) = train_tasks(home, site, NOW).tasks
    assert (done.trained, done.folds_by) == (True, "time")


def test_a_task_that_cannot_be_trained_waits_and_gives_the_reason(tmp_path: Path) -> None:
    home, site = Home(tmp_path), replace(SITE, supervised=(FAILS,))
    assert "labelled hours" in train_tasks(home, site, NOW).tasks[0].why
    rows, _ = machines()
    fill(home, rows.filter(pl.col("device_id").is_in(["pump 1", "pump 2"])), site=site)
    add_label(home, label("pump 1", 300))
    assert "no device with a failure can be held out" in train_tasks(home, site, NOW).tasks[0].why
    assert task_models.names(home) == ()


def test_a_label_that_comes_late_has_its_days_scored_again_by_the_next_training(tmp_path: Path) -> None:
    home, site = Home(tmp_path), replace(SITE, supervised=(FAILS,))
    rows, labels = machines()
    for each in labels:
        if each.start_at < micros(LEARNT):
            add_label(home, each)
    fill(home, rows)
    train_tasks(home, site, THEN)
    score_tasks(home, site, position=1, now=NOW)
    before = scores(home)

    said = NOW + timedelta(hours=1)
    late = label("pump 0", LEARNT + 30)
    add_label(home, replace(late, created_at=int(said.timestamp()) * 1_000_000))
    report = train_tasks(home, site, said)
    assert report.score_days == ((START + timedelta(hours=LEARNT + 30)).date(), said.date())
    score_tasks(home, site, report.score_days, position=1, now=said)
    changed = scores(home).join(before, on=["task", "device_id", "window_start", "revision"], how="anti")
    assert set(changed["device_id"]) == {"pump 0"}
    failed = (START + timedelta(hours=LEARNT + 30)).replace(tzinfo=None)
    assert changed.filter(pl.col("window_start") <= failed).is_empty()
    assert failed in before.filter(pl.col("device_id") == "pump 0")["window_start"].to_list()
    assert failed not in scores(home).filter(pl.col("device_id") == "pump 0")["window_start"].to_list()
    assert train_tasks(home, site, said + timedelta(hours=1)).score_days is None

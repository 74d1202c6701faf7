"""External models are checked before they are used, and API and tables give the same predictions."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
from click.testing import CliRunner

from sensor_platform.cli.models import models
from sensor_platform.errors import CheckFailed, PlatformError, WrongUse
from sensor_platform.home import Home
from sensor_platform.live.requests.predictor import Predictor
from sensor_platform.predict.supervised import external, score_rows, task_model
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.predict.supervised.task_registry import task_models
from sensor_platform.predict.supervised.task_rows import TaskRows

NOW = datetime(2026, 6, 1, tzinfo=UTC)
FEATURES = ("flow_rate", "influent_COD", "influent_pH")
TASK = TaskConfig(
    name="reuse",
    kind="classes",
    labels=("unfit", "fit"),
    inputs={"flow_rate": "flow", "influent_COD": "COD", "influent_pH": "pH"},
    defaults={"flow_rate": 150.0, "influent_COD": 350.0},
    required=("pH",),
)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A model of three inputs and its card."""
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(400, 3)) * [50, 100, 2] + [150, 300, 7]
    data = lightgbm.Dataset(rows, label=(rows[:, 1] < 300).astype(int), feature_name=list(FEATURES))
    booster = lightgbm.train({"objective": "binary", "verbosity": -1, "num_threads": 1}, data, 10)
    model = tmp_path / "reuse.txt"
    booster.save_model(str(model))
    return model, write_card(tmp_path, model)


def write_card(folder: Path, model: Path, **changes: Any) -> Path:
    card = {
        "task": "reuse",
        "kind": "classes",
        "sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "features": FEATURES,
        "classes": ["unfit", "fit"],
        **changes,
    }
    path = folder / "reuse.json"
    path.write_text(json.dumps(card))
    return path


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_api_and_table_give_the_same_prediction(home: Home, files: tuple[Path, Path]) -> None:
    external.add_model(home, *files, {"reuse": TASK}, NOW)
    model = task_models.load_champion(home, "reuse")
    assert model is not None
    rng = np.random.default_rng(2)
    inputs = rng.normal(size=(20, 3)) * [50, 100, 2] + [150, 300, 7]
    none = np.full(20, np.nan)
    rows = TaskRows(np.array([f"d{n:02}" for n in range(20)], dtype=object), np.arange(20), inputs, none, np.ones(20))
    table = score_rows.make_score_rows(model, rows, {}, NOW)
    predictor = Predictor(home)
    for row, given in zip(table.iter_rows(named=True), inputs, strict=True):
        said = predictor.predict("reuse", dict(zip(FEATURES, map(float, given), strict=True)))
        assert said["confidence"] == row["value"]
        assert said["class"] == row["class"]
        assert said["probabilities"] == json.loads(row["probabilities"])
        assert said["model"] == row["model_id"]


def test_a_default_stands_in_for_what_is_missing_and_a_real_0_stays_0(home: Home, files: tuple[Path, Path]) -> None:
    external.add_model(home, *files, {"reuse": TASK}, NOW)
    predictor = Predictor(home)
    missing = predictor.predict("reuse", {"influent_pH": 7.0, "flow_rate": 150.0})
    given = predictor.predict("reuse", {"influent_pH": 7.0, "flow_rate": 150.0, "influent_COD": 350.0})
    zero = predictor.predict("reuse", {"influent_pH": 7.0, "flow_rate": 150.0, "influent_COD": 0.0})
    assert missing["missing"] == ["influent_COD"]
    assert missing["probabilities"] == given["probabilities"]
    assert zero["probabilities"] != given["probabilities"]


def test_a_new_champion_is_used_at_once_and_a_changed_file_never(home: Home, files: tuple[Path, Path]) -> None:
    first = external.add_model(home, *files, {}, NOW)
    predictor = Predictor(home)
    assert predictor.predict("reuse", {})["model"].endswith(first.version)
    assert external.add_model(home, *files, {}, datetime(2026, 6, 2, tzinfo=UTC)).version == first.version
    assert len(task_models.versions(home, "reuse")) == 1
    second = external.add_model(home, files[0], write_card(files[0].parent, files[0], origin="new"), {}, NOW)
    assert second.version != first.version  # in the same second, of the same file
    assert predictor.predict("reuse", {})["model"].endswith(second.version)
    path = task_models.folder(home, "reuse") / second.version / "model.txt"
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(CheckFailed, match="SHA-256"):
        Predictor(home).predict("reuse", {})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"features": ["flow_rate", "influent_pH", "influent_COD"]},
            "was made for flow_rate, influent_COD, influent_pH",
        ),
        ({"sha256": "0" * 64}, "its card has 000"),
        ({"classes": ["a", "b", "c"]}, "has 1 outputs, its card 3 classes"),
        ({"kind": "failure", "classes": []}, "of kind failure, task reuse of kind classes"),
        ({"task": "../up"}, "is not a valid task name"),
        ({"what": 1}, "is not a card"),
    ],
)
def test_a_model_that_does_not_match_its_card_is_refused(
    home: Home, files: tuple[Path, Path], changes: dict[str, Any], said: str
) -> None:
    card = write_card(files[0].parent, files[0], **changes)
    with pytest.raises(WrongUse, match=said) as caught:
        external.add_model(home, files[0], card, {"reuse": TASK}, NOW)
    assert caught.value.hint
    assert task_models.names(home) == ()


def test_a_model_with_other_inputs_than_the_site_has_is_refused(home: Home, files: tuple[Path, Path]) -> None:
    other = TaskConfig(name="reuse", kind="classes", labels=("unfit", "fit"), metrics=("pH",))
    with pytest.raises(
        WrongUse, match="the model needs flow_rate, influent_COD, influent_pH, task reuse has pH"
    ) as caught:
        external.add_model(home, *files, {"reuse": other}, NOW)
    assert "under `inputs` of task reuse" in caught.value.hint


def test_the_command_adds_lists_and_rolls_back(
    tmp_path: Path, files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SENSOR_PLATFORM_SITE", raising=False)

    def run(*words: str) -> str:
        done = CliRunner().invoke(models, list(words), catch_exceptions=False)
        assert done.exit_code == 0
        return done.stdout

    assert "answers the API (no such task in site.yaml)" in run("add", str(files[0]), "--card", str(files[1]))
    home = Home(tmp_path / "home")
    (version,) = task_models.versions(home, "reuse")
    assert f"task:reuse\n * {version}  classes" in run("list")
    assert json.loads(run("show", "reuse"))["sources"] == {name: name for name in FEATURES}
    run("promote", "task:reuse", version)
    with pytest.raises(PlatformError, match="no earlier champion"):
        CliRunner().invoke(models, ["rollback", "reuse"], catch_exceptions=False)


def test_calibration_as_numbers_reads_back_bit_for_bit(home: Home, files: tuple[Path, Path]) -> None:
    card = write_card(files[0].parent, files[0], calibrations=[{"x": [0.1, 0.5, 0.9], "y": [0.03, 1 / 3, 0.97]}])
    external.add_model(home, files[0], card, {}, NOW)
    model = task_models.load_champion(home, "reuse")
    assert model is not None
    raw = np.linspace(0, 1, 7)
    expected = np.interp(raw, [0.1, 0.5, 0.9], [0.03, 1 / 3, 0.97])
    assert (task_model.probabilities_of(model.card, raw)[:, 1] == expected).all()

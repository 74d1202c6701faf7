import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from sensor_platform.cli.models import models
from sensor_platform.errors import PlatformError
from sensor_platform.home import Home
from sensor_platform.predict.features.matrix import Source
from sensor_platform.predict.judge.learn import Learned
from sensor_platform.predict.models import made, registry

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


@pytest.fixture
def versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seasonal_noise: Source, of_season: Learned
) -> tuple[str, str]:
    """Two versions of `m`, of which the second is the champion."""
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(tmp_path))
    names = []
    for at, seed in ((NOW, 7), (LATER, 8)):
        card, contents = made.version("m", seasonal_noise, of_season, (1, 6, 24), seed, at)
        card = msgspec.structs.replace(card, version=registry.version_name(at, contents))
        registry.save(Home(tmp_path), card, contents)
        registry.promote(Home(tmp_path), "m", card.version, at, f"seed {seed}")
        names.append(card.version)
    return names[0], names[1]


def run(*words: str) -> str:
    done = CliRunner().invoke(models, list(words), catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_list_marks_the_champion_and_tells_every_reason(versions: tuple[str, str]) -> None:
    said = run("list")
    assert f"* {versions[1]}" in said
    assert f"* {versions[0]}" not in said
    assert "seed 7" in said
    assert "seed 8" in said


def test_rollback_puts_the_version_before_back_and_promote_undoes_it(versions: tuple[str, str], tmp_path: Path) -> None:
    assert versions[0] in run("rollback", "m")
    assert [each.version for each in registry.reigns(Home(tmp_path), "m")] == [*versions, versions[0]]
    assert versions[1] in run("promote", "m", versions[1])
    assert registry.reigns(Home(tmp_path), "m")[-1].why == "promoted by hand"


def test_show_is_the_card_and_diff_names_what_differs(versions: tuple[str, str]) -> None:
    card = json.loads(run("show", "m"))
    assert card["version"] == versions[1]
    assert len(card["inputs_sha256"]) == 64
    keys = {json.loads(line)["key"] for line in run("diff", "m", *versions).splitlines()}
    assert {"seed", "version", "created_at"} <= keys
    assert "inputs" not in keys


@pytest.mark.parametrize("words", [("show", "other"), ("rollback", "other"), ("promote", "m", "../..")])
def test_what_is_not_there_is_refused_with_a_hint(versions: tuple[str, str], words: tuple[str, ...]) -> None:
    with pytest.raises(PlatformError) as caught:
        CliRunner().invoke(models, list(words), catch_exceptions=False)
    assert caught.value.hint

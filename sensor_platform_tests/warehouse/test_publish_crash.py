import itertools
import os
import shutil
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sensor_platform.home import Home
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.dirty import dirty_days
from sensor_platform.warehouse.lineage import models
from sensor_platform.warehouse.publish import publish
from sensor_platform.warehouse.staleness import ledger_evidence, state
from sensor_platform_tests.warehouse.crashing import Steps, survives
from sensor_platform_tests.warehouse.landings import Landing, SiteStub, reading
from sensor_platform_tests.warehouse.published_content import content

BEFORE_PYTHON = [name for name, model in models().items() if model.builder != "python" and "predictions" not in name]


def wrap_renames(steps: Steps) -> None:
    """Every rename, every record of the state and every copy of it."""
    os.replace = steps.around(os.replace)
    state.record = steps.around(state.record)
    ledger_evidence.copy_state = steps.around(ledger_evidence.copy_state)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[str]]]:
    """A home published once, with more built since; and what an undisturbed publish makes of it."""
    root = tmp_path_factory.mktemp("publish-crash")
    at = datetime(2026, 1, 2, 12, 0)  # noqa: DTZ001 - plain UTC
    home, site = Home(root / "before"), SiteStub()
    landing = Landing(home)
    landing.land([reading("d", "m", at + timedelta(minutes=n), n / 3) for n in range(60)])
    assert build(home, site).is_ok
    publish(home, site)
    position = landing.land([reading("d", "new", at + timedelta(minutes=n), n / 7) for n in range(50)])
    assert build(home, site, position=position).is_ok
    undisturbed = Home(root / "undisturbed")
    shutil.copytree(home.root, undisturbed.root)
    publish(undisturbed, site)
    return home.root, content(undisturbed.analytics_file)


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.soak)])
def test_a_publish_killed_at_any_rename_is_completed_by_the_next(
    prepared: tuple[Path, dict[str, list[str]]], tmp_path: Path, every: int
) -> None:
    before, undisturbed = prepared
    site: Any = SiteStub()
    for kill_at in itertools.count(step=every):
        home = Home(tmp_path / str(kill_at))
        shutil.copytree(before, home.root)
        done = survives(kill_at, wrap_renames, partial(publish, home, site))
        publish(home, site)
        assert content(home.analytics_file) == undisturbed, f"killed at step {kill_at}"
        assert dirty_days(home, site, BEFORE_PYTHON) == ()
        assert not list(home.published.glob(".*"))
        shutil.rmtree(home.root)
        if done:
            break
    assert kill_at > 15

"""What people, their files and their scripts rely on by name is what `data/interface.json` has.

A change that is meant writes that file anew (`python -m sensor_platform_tests.data.interface`) and is seen in its diff.
Texts for people are not in it. That docs and code agree: `docs/test_docs.py`.
"""

import importlib
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from sensor_platform_tests.data import interface
from sensor_platform_tests.data.interface import ROOT, SECTIONS

OF_EARLIER_HOMES = (
    "sensor_platform.orchestration.running.bookkeeping:BatchingInstance",
    "sensor_platform.orchestration.running.launcher:WarmRunLauncher",
)
"""What the dagster.yaml of a home made by version 0.1.0 names; no command rewrites that file."""
EXPECTED: dict[str, Any] = json.loads((ROOT / "sensor_platform_tests" / "data" / "interface.json").read_text())


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """As a process of its own, for definitions take the settings of the process that loads them."""
    command = [sys.executable, "-m", "sensor_platform_tests.data.interface"]
    done = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    sections: dict[str, Any] = json.loads(done.stdout)
    return sections


@pytest.mark.parametrize("section", SECTIONS)
def test_the_interface_is_the_same(found: dict[str, Any], section: str) -> None:
    assert found[section] == EXPECTED[section]


def test_no_section_is_forgotten() -> None:
    assert set(EXPECTED) == set(SECTIONS)


def test_a_path_that_homes_and_units_name_can_be_imported() -> None:
    named = [path for path in interface.import_paths() if path.count(":") == 1]
    assert len(named) == 3
    for path in [*named, *OF_EARLIER_HOMES]:
        module, _, name = path.partition(":")
        assert hasattr(importlib.import_module(module), name)

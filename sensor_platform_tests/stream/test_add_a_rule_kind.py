"""An alert rule kind that is added as CONTRIBUTING.md describes it works like those that are there."""

import re
from typing import Any

import pytest

from sensor_platform_tests.warehouse.toy_project import ROOT, Clone

TABLE = "sensor_platform/stream/rules.py"
RULES = """
rules:
  - name: never zero
    kind: no_zero
    metric: load
    most: 3
    severity: critical
"""


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """Events of the documented example, by the way in which it was run."""
    clone = Clone.make(tmp_path_factory.mktemp("clone"))
    section = (ROOT / "CONTRIBUTING.md").read_text().split("## Add an alert rule kind")[1].split("\n## ")[0]
    [(path)] = re.findall(r"`(sensor_platform/stream/rule_kinds/no_zero\.py)`", section)
    [(code)] = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    (clone.root / path).write_text(code)
    table = (clone.root / TABLE).read_text()
    entry = "from sensor_platform.stream.rule_kinds.no_zero import NoZero\n\nRULE_KINDS"
    table = table.replace("\nRULE_KINDS", f"\n{entry}", 1).replace("= (Threshold,", "= (NoZero, Threshold,", 1)
    (clone.root / TABLE).write_text(table)
    (clone.root / "rules.yaml").write_text(RULES)
    found: dict[str, list[dict[str, Any]]] = clone.run("sensor_platform_tests.stream.toy_rule", str(clone.root))
    return found


def test_it_fires_and_resolves_with_its_level_and_its_text(events: dict[str, list[dict[str, Any]]]) -> None:
    fired, resolved = events["at once"]
    assert (fired["kind"], resolved["kind"]) == ("fired", "resolved")
    assert (fired["device_id"], fired["metric"], fired["level"]) == ("press", "load", 2)
    assert fired["limit"] == "more than 3 readings without a zero"
    assert resolved["noticed_at"] - fired["noticed_at"] == 2_000_000, "from the fourth reading to the next zero"


@pytest.mark.parametrize("way", ["in pieces", "over snapshots", "backtest"])
def test_it_has_the_same_events_however_it_is_run(events: dict[str, list[dict[str, Any]]], way: str) -> None:
    assert events[way] == events["at once"]

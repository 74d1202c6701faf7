"""Dashboard and alert rules are about metrics that exist, and Prometheus understands them."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from sensor_platform_tests.live.live_apps import app_of, client_of

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yml"


def _expressions() -> Iterator[str]:
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    for panel in json.loads((DEPLOY / "grafana" / "live.json").read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def test_every_metric_that_is_asked_for_is_served(tmp_path: Path) -> None:
    with client_of(app_of(tmp_path / "home")) as client:
        client.post("/ingest", json={"device_id": "a", "temp": 1})
        kinds = dict(re.findall(r"# TYPE (\S+) (\S+)", client.get("/metrics").text))
    served = set(kinds) | {f"{name}_bucket" for name, kind in kinds.items() if kind == "histogram"}
    asked = {name for text in _expressions() for name in re.findall(r"sensor_platform_\w+", text)}
    needs_ledger = {name for name in asked if "_ledger_" in name}  # families of a ledger that is not there yet
    assert len(asked) > 15
    assert asked - served - needs_ledger == set()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool")
def test_promtool_accepts_the_rules() -> None:
    done = subprocess.run(["promtool", "check", "rules", str(RULES)], capture_output=True, text=True, check=False)
    assert (done.returncode, "SUCCESS" in done.stdout) == (0, True), done.stdout + done.stderr

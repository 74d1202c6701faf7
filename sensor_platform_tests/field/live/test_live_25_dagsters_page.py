"""Dagster's page, as the units of the repository serve it, obeys no page of others."""

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor_platform.collect.brokers.local import free_port
from sensor_platform_tests.field.live.base import eventually, need

REPOSITORY = Path(__file__).parents[3]
UNITS = REPOSITORY / "deploy" / "systemd"
PORT = "3000"
"""That the units serve Dagster's page on."""


def _command(port: int) -> list[str]:
    """What the unit of the page starts, here and on another port."""
    for unit in sorted(UNITS.glob("*.service")):
        for line in re.findall(r"^ExecStart=(.*)$", unit.read_text(), re.MULTILINE):
            if PORT in line.split():
                here = line.replace("/opt/sensor-platform/.venv/bin", str(Path(sys.executable).parent))
                here = here.replace("/opt/sensor-platform", str(REPOSITORY))
                return [str(port) if word == PORT else word for word in here.split()]
    pytest.fail(f"no unit serves a page on port {PORT}")


def _ask(port: int, headers: dict[str, str]) -> tuple[int, str]:
    """Code and text of the answer to a question by POST, sent as a form of another page can send it."""
    body = json.dumps({"query": "{ version }"}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/graphql", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode("utf-8", "replace")
    except OSError:
        return 0, ""


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    found = free_port()
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    environ = os.environ | {"DAGSTER_HOME": str(tmp_path), "SENSOR_PLATFORM_HOME": str(tmp_path / "home")}
    with (tmp_path / "web.log").open("wb") as log:
        process = subprocess.Popen(_command(found), env=environ, stdout=log, stderr=log, cwd=tmp_path)
    try:
        own = {"content-type": "application/json"}
        is_open = eventually(lambda: "version" in _ask(found, own)[1], 60)
        need(is_open, f"the page answers its own questions: {(tmp_path / 'web.log').read_text()[-1000:]}")
        yield found
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.field_slow
@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 25")
@pytest.mark.parametrize(
    "headers",
    [{"origin": "http://evil.example"}, {"host": "evil.example"}],
    ids=["another page", "another name of this machine"],
)
def test_live_25_a_question_of_another_page_is_refused(port: int, headers: dict[str, str]) -> None:
    code, text = _ask(port, {"content-type": "application/json", **headers})
    assert 400 <= code < 500, f"executed: {text[:100]}"

"""A pytest plugin that stops at the first failed test, and writes down what it saw.

Errors of collection and of fixtures are kept apart: they show that something is broken, not that a test noticed it.
It can also record which functions of one file run until tests are collected, that is, as modules are imported.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sensor_platform_tests.mutants.empty import Place

REPORT, WATCHED = "MUTANTS_REPORT", "MUTANTS_WATCHED"
"""Environment: the file to write, and the file whose functions to record, if any."""


class Witness:
    """What is seen of one run of pytest."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.errors: list[str] = []
        self.uncollected: list[str] = []
        self.at_import: set[Place] = set()
        self._session: pytest.Session | None = None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(self) -> Iterator[None]:
        if os.environ.get(WATCHED):
            sys.setprofile(self._enter)
        return (yield)

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self._session = session

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.uncollected.append(report.nodeid)

    def pytest_collection_finish(self) -> None:
        sys.setprofile(None)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            (self.failed if report.when == "call" else self.errors).append(report.nodeid)
        if self.failed and self._session is not None:
            self._session.shouldstop = "one failed test is enough"

    def pytest_sessionfinish(self) -> None:
        report = {
            "failed": self.failed,
            "errors": self.errors,
            "uncollected": self.uncollected,
            "at_import": sorted(self.at_import),
        }
        Path(os.environ[REPORT]).write_text(json.dumps(report), encoding="utf-8")

    def _enter(self, frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename == os.environ[WATCHED]:
            self.at_import.add((code.co_name, code.co_firstlineno))
        del argument


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Register the witness early enough to see the import of conftest files."""
    del parser
    pluginmanager.register(Witness(), "witness")

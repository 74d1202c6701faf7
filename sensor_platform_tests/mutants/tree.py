"""A copy of the tree in which one module at a time is emptied, and in which tests run in a process of their own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sensor_platform_tests.copied_tree import copy_tree
from sensor_platform_tests.mutants import witness
from sensor_platform_tests.mutants.empty import Place
from sensor_platform_tests.mutants.rooms import TESTS

LONGEST_RUN = 600
PLUGINS = ("-p", "pytest_timeout", "-p", f"{TESTS}.mutants.witness", "-p", "no:cacheprovider")
"""Others are not loaded: each run of pytest is to start fast."""
OPTIONS = ("-q", "--tb=no", "--timeout=60", "--continue-on-collection-errors")


@dataclass(frozen=True)
class Run:
    """What one run of pytest showed; node ids of tests, and of what could not be collected."""

    failed: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    uncollected: tuple[str, ...] = ()
    at_import: frozenset[Place] = frozenset()
    has_ended: bool = True


class Tree:
    """A copy of the tree at `original`."""

    def __init__(self, original: Path, folder: Path) -> None:
        self.original = original
        self.root = folder / "tree"
        self._folder = folder
        copy_tree(original, self.root)

    @contextmanager
    def changed(self, path: Path, source: str) -> Iterator[None]:
        """Replace a source file for a while; its old time comes back with it, so that its bytecode is valid again."""
        (self.root / path).write_text(source, encoding="utf-8")
        try:
            yield
        finally:
            shutil.copy2(self.original / path, self.root / path)

    def run(self, tests: Sequence[Path | str], without: Collection[str] = ()) -> Run:
        """Run tests in their order, except for some, as far as the first that fails."""
        return self._pytest([*(f"--deselect={each}" for each in without), *map(str, tests)], {})

    def functions_at_import(self, path: Path, tests: Sequence[Path]) -> frozenset[Place]:
        """Functions of a file that run as the test modules are imported."""
        watched = {witness.WATCHED: str(self.root / path)}
        return self._pytest(["--collect-only", *map(str, tests)], watched).at_import

    def _pytest(self, arguments: Sequence[str], environ: dict[str, str]) -> Run:
        report = self._folder / "report.json"
        report.unlink(missing_ok=True)
        environ |= {
            "PYTHONPATH": str(self.root),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            witness.REPORT: str(report),
        }
        with TemporaryDirectory(dir=self._folder) as temporary:
            command = [sys.executable, "-m", "pytest", *PLUGINS, *OPTIONS, f"--basetemp={temporary}/tests"]
            try:
                ended = subprocess.run(
                    [*command, *arguments],
                    cwd=self.root,
                    env=os.environ | environ,
                    capture_output=True,
                    text=True,
                    timeout=LONGEST_RUN,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return Run(has_ended=False)
        if not report.is_file():  # a conftest file cannot be imported
            return Run(uncollected=tuple((ended.stderr or ended.stdout).splitlines()[-1:]))
        return _read(report)


def _read(report: Path) -> Run:
    found = json.loads(report.read_text(encoding="utf-8"))
    return Run(
        tuple(found["failed"]),
        tuple(found["errors"]),
        tuple(found["uncollected"]),
        frozenset((name, line) for name, line in found["at_import"]),
    )

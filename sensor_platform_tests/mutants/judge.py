"""Judges each module: which near test fails when its functions are emptied, if any."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sensor_platform_tests.mutants.empty import Emptied, empty
from sensor_platform_tests.mutants.near import near_tests
from sensor_platform_tests.mutants.rooms import Module, source_of
from sensor_platform_tests.mutants.tree import Run, Tree


class Fate(StrEnum):
    """What became of an emptied module."""

    KILLED = "killed"
    SURVIVED = "SURVIVED"
    NO_TEST = "NO TEST"
    NOTHING = "no functions"
    """There is nothing to empty: the module is not counted."""


@dataclass(frozen=True)
class Verdict:
    """The verdict on one module."""

    module: Module
    fate: Fate
    test: str = ""
    """Node id of the test that failed."""
    note: str = ""


def judge(tree: Tree, module: Module) -> Verdict:
    """Empty a module and run the tests near it."""
    emptied = empty(source_of(tree.original, module))
    if not emptied.functions:
        return Verdict(module, Fate.NOTHING)
    tests = near_tests(tree.original, module, emptied)
    if not tests:
        return Verdict(module, Fate.NO_TEST)
    run = _run(tree, module, emptied, tests)
    if run.failed or not run.uncollected:
        return _verdict(module, run)
    return _judge_after_import(tree, module, tests)


def _judge_after_import(tree: Tree, module: Module, tests: Sequence[Path]) -> Verdict:
    """Without what runs at import, tests cannot even be collected, which is not a test that fails: that stays."""
    source = source_of(tree.original, module)
    at_import = tree.functions_at_import(module.path, tests)
    emptied = empty(source, at_import)
    kept = sorted({name for name, _ in at_import} & set(empty(source).functions))
    note = f"not emptied, as it runs at import: {', '.join(kept)}"
    if not emptied.functions:
        return Verdict(module, Fate.SURVIVED, note=note)
    return _verdict(module, _run(tree, module, emptied, tests), note)


def _run(tree: Tree, module: Module, emptied: Emptied, tests: Sequence[Path]) -> Run:
    """Run the tests until one fails that passes as long as the module is whole."""
    fail_anyway: list[str] = []
    while True:
        with tree.changed(module.path, emptied.source):
            run = tree.run(tests, without=fail_anyway)
        if not run.failed or not tree.run(run.failed).failed:
            return run
        fail_anyway += run.failed


def _verdict(module: Module, run: Run, note: str = "") -> Verdict:
    if run.failed:
        return Verdict(module, Fate.KILLED, run.failed[0], note)
    notes = [note] if note else []
    notes += [f"{len(run.errors)} fixtures fail"] if run.errors else []
    notes += [f"{len(run.uncollected)} test modules are not collected"] if run.uncollected else []
    notes += [] if run.has_ended else ["the tests did not end"]
    return Verdict(module, Fate.SURVIVED, note="; ".join(notes))

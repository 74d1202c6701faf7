"""Empties every module of the rooms, one at a time, and runs the tests near it: `make test-mutants MUTANTS=stream`."""

import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

from sensor_platform_tests.copied_tree import ROOT
from sensor_platform_tests.mutants.judge import Verdict, judge
from sensor_platform_tests.mutants.report import by_room, is_enough, line, totals
from sensor_platform_tests.mutants.rooms import ROOMS, Module, modules_of
from sensor_platform_tests.mutants.tree import Tree


def chosen(only: Sequence[str]) -> list[Module]:
    """The modules to check: all, or those whose names are given, or lie below a given name."""
    modules = [module for room in ROOMS for module in modules_of(ROOT, room)]
    return [each for each in modules if not only or any(f"{each.short}.".startswith(f"{name}.") for name in only)]


def verdicts_of(modules: Sequence[Module], workers: int) -> Iterator[Verdict]:
    """Judge modules with so many workers, each in a tree of its own; verdicts come in the order of the modules."""
    trees: SimpleQueue[Tree] = SimpleQueue()
    with ExitStack() as stack:
        for _ in range(workers):
            trees.put(Tree(ROOT, Path(stack.enter_context(TemporaryDirectory()))))

        def with_a_tree(module: Module) -> Verdict:
            tree = trees.get()
            try:
                return judge(tree, module)
            finally:
                trees.put(tree)

        with ThreadPoolExecutor(workers) as pool:
            yield from pool.map(with_a_tree, modules)


def main(only: Sequence[str]) -> int:
    """Print the table; 1 where too few modules of a room are killed."""
    modules = chosen(only)
    if not modules:
        sys.exit(f"no module is named {' or '.join(only)}; rooms are {', '.join(ROOMS)}")
    width = max(len(module.short) for module in modules)
    verdicts = []
    for verdict in verdicts_of(modules, min(len(modules), os.cpu_count() or 1)):
        verdicts.append(verdict)
        print(line(verdict, width), flush=True)
    print(*totals(verdicts), sep="\n")
    return 0 if all(is_enough(some) for some in by_room(verdicts).values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

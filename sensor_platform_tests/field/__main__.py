"""`make field`: what the platform makes of each shape under its contract, and with none."""

import sys
import tempfile
from collections import Counter
from pathlib import Path

from sensor_platform_tests.field.judge import Verdict, under_contract, without_contract
from sensor_platform_tests.field.shapes import all_shapes


def main() -> int:
    """Print both verdicts of each shape, and their sum; 1 if anything is wrong."""
    words: Counter[str] = Counter()
    shapes = all_shapes()
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, shape) in enumerate(shapes.items()):
            by_contract = under_contract(shape, Path(folder, f"{number}a"))
            alone = without_contract(shape, Path(folder, f"{number}b"))
            is_wrong = "wrong" in {by_contract.word, alone.word}
            words["wrong" if is_wrong else alone.word] += 1
            print(f"{name}: {by_contract.word} under its contract, {alone.word} with none")
            for verdict in (by_contract, alone):
                _print_faults(verdict)
    print(f"{words['right']} right, {words['refused']} refused, {words['wrong']} wrong")
    return 1 if words["wrong"] else 0


def _print_faults(verdict: Verdict) -> None:
    for fault in verdict.faults:
        print(f"  {fault}")


if __name__ == "__main__":
    sys.exit(main())

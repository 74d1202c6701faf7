"""Runs a function in a forked child that kills itself at its k-th step. The product knows nothing of it.

Forked, not started anew: importing dbt takes seconds, and there is a crash at every step.
"""

import os
import signal
from collections.abc import Callable
from typing import Any


class Steps:
    """Counts steps and kills the process before the k-th: after a step is before the next one, as far as disks know."""

    def __init__(self, kill_at: int) -> None:
        self.kill_at = kill_at
        self.passed = 0

    def around(self, step: Callable[..., Any]) -> Callable[..., Any]:
        """The step, with a crash before it when its turn has come."""

        def stepping(*arguments: Any, **named: Any) -> Any:
            if self.passed == self.kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            self.passed += 1
            return step(*arguments, **named)

        return stepping


def survives(kill_at: int, wrap: Callable[[Steps], None], run: Callable[[], object]) -> bool:
    """Run `run` in a child whose steps `wrap` has wrapped; False if it was killed, True if it came to its end."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            wrap(Steps(kill_at))
            run()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.WEXITSTATUS(status) == 0, "the child failed by itself"
    return True

"""Steps of the product at which a process is killed, or at which another one runs."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import pytest

from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import reland_intent, relanding, settling, upkeeping

Step = tuple[Any, str]
"""A function of the product by module and name."""
RELAND_COMMITS: Step = (reland_intent, "_commit")
RELAND_CARRIES_OUT: Step = (relanding, "carry_out")
REQUEUE_COMMITS: Step = (settling, "carry_out")
UPKEEP_FORGETS: Step = (upkeeping, "delete_files")


class Killed(BaseException):
    """Stands for SIGKILL."""


@contextlib.contextmanager
def killed_at(step: Step) -> Iterator[None]:
    """The body ends when it comes to this step with work to do; that it does not come there is a set-up error."""
    module, name = step
    whole = getattr(module, name)

    def kill(*arguments: object) -> object:
        if all(arguments):
            raise Killed
        return whole(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, name, kill)
        with pytest.raises(Killed):
            yield


def meanwhile(step: Step, other: Callable[[], None], act: Callable[[], None]) -> None:
    """Do `act`, and `other` just before the first time that it comes to this step.

    `other` may wait for a lock that `act` holds: it then goes on beside it.
    """
    module, name = step
    whole = getattr(module, name)
    with ThreadPoolExecutor(1) as pool, pytest.MonkeyPatch.context() as patch:
        begun: list[Future[None]] = []

        def both(*arguments: object, **named: object) -> object:
            patch.undo()
            begun.append(pool.submit(other))
            wait(begun, timeout=2)
            return whole(*arguments, **named)

        patch.setattr(module, name, both)
        act()
        need(bool(begun), f"{name} is reached")
        begun[0].result()

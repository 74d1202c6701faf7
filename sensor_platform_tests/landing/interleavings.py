"""What tests of steps in any order share: a kill at a step of the product, in this process, and their settings."""

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

Step = tuple[Any, str]
"""A function of the product by module and name."""
SETTINGS = settings(
    deadline=None,
    max_examples=1,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
)
LONG = settings(SETTINGS, max_examples=25)
"""Of the long tests: a story of several steps takes seconds."""


class Killed(BaseException):
    """Stands for SIGKILL."""


@contextlib.contextmanager
def killed(steps: Sequence[Step], at: tuple[int, int] | None) -> Iterator[None]:
    """The body may end at a step: `at` is its number, and how often it is passed before. None never ends it."""
    if at is None:
        yield
        return
    module, name = steps[at[0]]
    whole: Callable[..., Any] = getattr(module, name)
    turns = itertools.count()

    def step(*arguments: object, **named: object) -> object:
        if next(turns) == at[1]:
            raise Killed
        return whole(*arguments, **named)

    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Killed):
        patch.setattr(module, name, step)
        yield

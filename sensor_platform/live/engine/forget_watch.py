"""Looks for rules of what is forgotten, a few times a second, and says which are new."""

import logging
import os
from dataclasses import dataclass

from sensor_platform.errors import PlatformError
from sensor_platform.home import Home
from sensor_platform.landing.forget.rule import ForgetRule
from sensor_platform.landing.forget.standing import rules_on_file

log = logging.getLogger(__name__)


@dataclass(slots=True)
class ForgetWatch:
    """The rules in force. Belongs to the engine's thread."""

    home: Home
    rules: tuple[ForgetRule, ...] = ()
    _stamp: tuple[int, int, int] | None = None

    def look(self) -> bool:
        """Read the rules if their file changed; returns whether it did. A damaged file leaves those of before."""
        try:
            found = os.stat(self.home.ledger / "forgets.json")  # noqa: PTH116 - half the cost of Path.stat
            stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
        except OSError:
            stamp = None
        if stamp == self._stamp:
            return False
        try:
            self.rules = rules_on_file(self.home)
        except (PlatformError, OSError) as error:
            log.warning("%s", error)
            return False
        self._stamp = stamp
        return True

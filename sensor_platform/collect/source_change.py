"""Changes the settings of a running collector: at a segment border, on the running connection where that is possible.

Otherwise the source is closed, which commits and acknowledges what it read, and another one continues its session. One
that cannot work by the new settings is replaced by one with those before.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from sensor_platform.collect.config import CollectConfig
from sensor_platform.collect.source import Reconfigurable, Source
from sensor_platform.errors import PlatformError
from sensor_platform.versions.reports import Reloading

log = logging.getLogger(__name__)


@dataclass(slots=True)
class SourceChange:
    """The source of a collector and the settings that it works by. Belongs to the collector's thread."""

    source: Source
    config: CollectConfig
    """In force."""
    open_source: Callable[[CollectConfig], Source]
    reloading: Reloading[CollectConfig] | None
    reach_border: Callable[[], bool]
    """Commits and seals what is open; False if that is not possible now."""
    _wanted: CollectConfig | None = None
    _before: CollectConfig | None = None
    """Settings to go back to while the ones in force are not known to work."""
    _is_answer_due: bool = False

    def tend(self) -> None:
        """Take other settings if there are any. Called a few times a second.

        Raises:
            PlatformError: neither the new nor the former settings work.
        """
        if self.reloading is None:
            return
        if (config := self.reloading.changed()) is not None:
            self._wanted = config
        if self._before is not None:
            self._look_at_change()
        elif self._wanted == self.config:
            self._wanted = None
            self.reloading.applied()
        elif self._wanted is not None and self.reach_border():
            self._begin(self._wanted)

    def go_back(self, error: PlatformError) -> None:
        """The source has failed. Where its settings are new, those before are in force again.

        Raises:
            PlatformError: its settings are not new.
        """
        if self._before is None or self.reloading is None:
            raise error
        self.source.close()
        self.source, self.config = self.open_source(self._before), self._before
        self._refused(error)

    def _begin(self, config: CollectConfig) -> None:
        self._before, self._wanted = self.config, None
        if isinstance(self.source, Reconfigurable) and self.source.reconfigure(config):
            self.config, self._is_answer_due = config, True
            return
        log.info("the settings of the source have changed; it connects again")
        self.source.close()
        try:
            self.source, self.config = self.open_source(config), config
        except PlatformError as error:
            self.source = self.open_source(self._before)
            self._refused(error)

    def _look_at_change(self) -> None:
        assert self.reloading is not None
        answer: bool | PlatformError = self.source.state == "connected"
        if self._is_answer_due and isinstance(self.source, Reconfigurable):
            answer = self.source.reconfigured()
        if isinstance(answer, PlatformError):
            self.config = self._before or self.config
            self._refused(answer)
        elif answer:
            self._before, self._is_answer_due = None, False
            self.reloading.applied()

    def _refused(self, error: PlatformError) -> None:
        self._before, self._is_answer_due = None, False
        assert self.reloading is not None
        self.reloading.failed(error)

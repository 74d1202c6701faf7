"""A site folder that a test edits, and a process that follows it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sensor_platform.reload.site_watch import LOOK_SECONDS, SiteWatch


class Place:
    """A home with a site folder beside it, and a clock that only moves when a process looks."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.site = folder / "site"
        self.seconds = 0.0
        self.write("site.yaml", "name: first\n")

    @property
    def environ(self) -> dict[str, str]:
        return {"SENSOR_PLATFORM_HOME": str(self.home), "SENSOR_PLATFORM_SITE": str(self.site)}

    def write(self, name: str, text: str | bytes) -> None:
        path = self.site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)

    def watch(self, process: str = "lander", *, keeps_grid: bool = False) -> SiteWatch:
        return SiteWatch(process, self.environ, keeps_grid=keeps_grid, clock=lambda: self.seconds)

    def look(self, watch: SiteWatch) -> bool:
        self.seconds += LOOK_SECONDS
        return watch.look()

    def looks(self, watch: SiteWatch, count: int = 2) -> list[bool]:
        return [self.look(watch) for _ in range(count)]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def after(place: Place) -> Callable[[str, str | bytes], SiteWatch]:
    """A process that has looked twice after one file was written."""

    def change(name: str, text: str | bytes) -> SiteWatch:
        watch = place.watch()
        place.write(name, text)
        place.looks(watch)
        return watch

    return change

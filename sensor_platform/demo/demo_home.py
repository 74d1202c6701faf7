"""The data folder of the demo: marked, locked while a demo runs, and replaced by the next demo."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Literal

import yaml

from sensor_platform.demo.stragglers import stop_tagged
from sensor_platform.errors import Unreachable, WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.locks import LockFile, LockHeld

MARKER = ".sensor-platform-demo"
TAG = "SENSOR_PLATFORM_DEMO"
"""Variable that every process of a demo inherits; its value is the demo's home."""

REPOSITORY = Path(__file__).parents[2]
SHIPPED_SITE = REPOSITORY / "examples" / "demo"


@contextlib.contextmanager
def demo_home(root: Path) -> Iterator[Home]:
    """Yield an empty home at `root`, locked for the context. Files and processes of an earlier demo are removed.

    Raises:
        WrongUse: `root` holds something that no demo made.
        Unreachable: another demo runs in it.
    """
    root = root.resolve()
    marker = root / MARKER
    if root.exists() and (not root.is_dir() or (any(root.iterdir()) and not marker.is_file())):
        raise WrongUse(f"{root} is not a demo's home, so it is not replaced", "name a new or empty folder with --home")
    try:
        lock = LockFile(marker)
    except OSError as error:
        raise WrongUse(f"cannot write {root}: {error.strerror}", "name another folder with --home") from error
    with lock:
        try:
            lock.take()
        except LockHeld as held:
            raise Unreachable(
                f"a demo is running in {root} (pid {held.signature or 'unknown'})", "stop it, or use another --home"
            ) from held
        stop_tagged(tag(root))
        _empty(root)
        lock.sign(f"{os.getpid()}\n")
        yield Home(root)


def tag(root: Path) -> str:
    """Environment variable that marks the processes of the demo in `root`."""
    return f"{TAG}={root}"


def copy_site(source: Path, home: Home, *, start: date, protocol: Literal["3.1.1", "5"]) -> Path:
    """Copy a site folder into the home and set its first day and the broker's protocol; returns the copy."""
    copy = home.root / "site"
    copy.mkdir()
    for name in ("contracts", "catalog"):
        if (source / name).is_dir():
            shutil.copytree(source / name, copy / name)
    if (source / "rules.yaml").is_file():
        shutil.copy(source / "rules.yaml", copy)
    path = source / "site.yaml"
    if not path.is_file():
        raise WrongUse(f"there is no site.yaml in {source}", "name a site folder with --site")
    content: dict[str, Any] = yaml.safe_load(path.read_text("utf-8")) or {}
    content["start"] = start
    if protocol != "5":
        content["collect"] = (content.get("collect") or {}) | {"protocol": protocol}
    (copy / "site.yaml").write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    return copy


def _empty(root: Path) -> None:
    for entry in root.iterdir():
        if entry.name == MARKER:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()

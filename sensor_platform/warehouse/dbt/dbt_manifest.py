"""Caches the parsed dbt project in memory and on disk: parsing takes seconds, reading the cache 0.1 s.

dbt's own cache is valid only for one profile, and each data folder has its own profile.
"""

import contextlib
import hashlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sensor_platform.kernel.durable import write_file

_PARTS = ("models", "macros", "tests")
_PACKAGES = ("dbt-core", "dbt-duckdb")

_kept: dict[bytes, Any] = {}


def parsed_project(project: Path, settings: str, parse: Callable[[], Any]) -> Any:  # noqa: ANN401 - dbt has no types
    """The manifest of the project in `project`, parsed only where one of its files, dbt or `settings` changed.

    Args:
        project: folder with dbt_project.yml; what was parsed is kept in its `target/`, where that can be written.
        settings: the variables that affect parsing.
        parse: makes the manifest.
    """
    digest = _digest(project, settings)
    if digest not in _kept:
        path = project / "target" / f"parsed-{hashlib.sha256(settings.encode()).hexdigest()[:8]}.msgpack"
        manifest = _read(path, digest)
        if manifest is None:
            manifest = parse()
            with contextlib.suppress(OSError):  # a folder that cannot be written costs the time only
                path.parent.mkdir(exist_ok=True)
                write_file(path, digest + manifest.to_msgpack())
        _kept.clear()
        _kept[digest] = manifest
    return _kept[digest]


def _digest(project: Path, settings: str) -> bytes:
    """Hash of everything that the manifest depends on."""
    parts = [settings, *(f"{name} {version(name)}" for name in _PACKAGES)]
    files = [project / "dbt_project.yml", *sorted(path for part in _PARTS for path in (project / part).rglob("*.*"))]
    digest = hashlib.sha256("\n".join(parts).encode())
    for path in files:
        content = path.read_bytes()
        digest.update(f"\0{path.relative_to(project)}\0{len(content)}\0".encode() + content)
    return digest.digest()


def _read(path: Path, digest: bytes) -> Any | None:  # noqa: ANN401
    """The cached manifest of this digest; None if there is none or it cannot be read."""
    from dbt.contracts.graph.manifest import Manifest

    try:
        content = path.read_bytes()
        if content[: len(digest)] != digest:
            return None
        manifest = Manifest.from_msgpack(content[len(digest) :])
    except Exception:  # noqa: BLE001 - whatever is wrong with a cache, parsing again mends it
        return None
    manifest.build_flat_graph()
    return manifest

"""A copy of the tree in which source files can be changed, without what was generated except dbt's manifest."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("sensor_platform", "sensor_platform_tests", "dbt_project", "examples", "deploy", "docs")
FILES = ("pyproject.toml", "setup.cfg", "dagster.yaml", "workspace.yaml", "README.md")


def copy_tree(root: Path, copy: Path) -> None:
    """Copy what tests need of the tree at `root`, as far as it is there."""
    leave = shutil.ignore_patterns("__pycache__", "target", "logs", ".*")
    copy.mkdir(exist_ok=True)
    for name in COPIED:
        if (root / name).is_dir():
            shutil.copytree(root / name, copy / name, ignore=leave)
    manifest = str(Path("dbt_project", "target", "manifest.json"))
    for name in (*FILES, manifest):
        if (root / name).is_file():
            (copy / name).parent.mkdir(exist_ok=True)
            shutil.copy2(root / name, copy / name)

"""A copy of the package and its dbt project, as a contributor's clone, and the example of CONTRIBUTING.md in it."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MARTS = "dbt_project/models/marts"


def documented(language: str) -> str:
    """The example of the section "Add a dbt model", under a name that nobody has who tries it out."""
    return example("Add a dbt model", language).replace("device_days", "toy_days")


def example(section: str, language: str) -> str:
    """The one block in a language of a section of CONTRIBUTING.md."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split(f"## {section}")[1].split("\n## ")[0]
    (block,) = re.findall(rf"^   ```{language}\n(.*?)^   ```", text, re.DOTALL | re.MULTILINE)
    return "\n".join(line.removeprefix("   ") for line in block.splitlines()) + "\n"


@dataclass(frozen=True)
class Clone:
    """A copy of the project that processes run from."""

    root: Path

    @classmethod
    def make(cls, root: Path) -> "Clone":
        """A fresh copy of what is committed, without anything that dbt has written."""
        generated = shutil.ignore_patterns("target", "logs", "__pycache__")
        for name in ("sensor_platform", "dbt_project"):
            shutil.copytree(ROOT / name, root / name, ignore=generated)
        return cls(root)

    def add(self, name: str, sql: str, yml: str) -> None:
        """Add a model: its SQL, and its entry under `models:` of marts.yml."""
        (self.root / MARTS / f"{name}.sql").write_text(sql, encoding="utf-8")
        path = self.root / MARTS / "marts.yml"
        text = path.read_text(encoding="utf-8")
        assert text.count("\nmodels:\n") == 1
        path.write_text(text.replace("\nmodels:\n", f"\nmodels:\n{yml}\n"), encoding="utf-8")

    def add_kind(self, name: str, columns: str, sql: str) -> None:
        """Add a metric kind: its line in dbt_project.yml and its macros."""
        (self.root / "dbt_project/macros/metric_kinds" / f"{name}.sql").write_text(sql, encoding="utf-8")
        path = self.root / "dbt_project/dbt_project.yml"
        text = path.read_text(encoding="utf-8")
        assert text.count("\n    gauge: {}\n") == 1
        path.write_text(
            text.replace("\n    gauge: {}\n", f"\n    gauge: {{}}\n    {name}: {columns}\n"), encoding="utf-8"
        )

    def changed(self) -> set[str]:
        """Source files that differ from those of this checkout."""
        return {
            str(path.relative_to(self.root))
            for folder in ("sensor_platform", "dbt_project")
            for path in sorted((self.root / folder).rglob("*.*"))
            if path.is_file() and not {"target", "logs", "__pycache__"} & {*path.parts}
            if not (old := ROOT / path.relative_to(self.root)).exists() or old.read_bytes() != path.read_bytes()
        }

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """`sensor-platform ARGUMENTS` of this copy."""
        return self.python("-c", "from sensor_platform.cli.main import main; main()", *arguments)

    def run(self, module: str, *arguments: str) -> Any:
        """The JSON that a module of the tests prints, run with this copy of the package."""
        done = self.python("-m", module, *arguments)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])

    @property
    def lineage(self) -> Any:
        """Content of `lineage.json`."""
        return json.loads((self.root / "sensor_platform/warehouse/lineage.json").read_text(encoding="utf-8"))

    def python(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run the interpreter with this copy of the package."""
        known = {name: value for name, value in os.environ.items() if not name.startswith("SENSOR_PLATFORM_")}
        environment = known | {
            "PYTHONPATH": os.pathsep.join((str(self.root), str(ROOT))),
            "SENSOR_PLATFORM_HOME": str(self.root / "home"),
        }
        return subprocess.run(
            [sys.executable, *arguments], env=environment, cwd=self.root, capture_output=True, text=True, check=False
        )

"""The card of a task's model: what it is, what it looks at, how what it says is read, how good it was."""

from datetime import datetime
from typing import Any

import msgspec

from sensor_platform.predict.supervised.calibration import Calibration
from sensor_platform.predict.supervised.config import Kind

MODEL = "model.txt"


class TaskCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`card.json` of a task. Times are aware UTC."""

    task: str
    version: str
    kind: Kind
    created_at: datetime
    origin: str
    """`trained`, or where a model that was dropped in is from."""
    sources: dict[str, str]
    """Inputs in the order of the model, and what each is made of."""
    inputs_sha256: str
    defaults: dict[str, float] = {}
    classes: tuple[str, ...] = ()
    calibrations: tuple[Calibration, ...] = ()
    """Of the chance of a failure, or of each class; none for what is used as it is."""
    threshold: float | None = None
    """An alarm from this chance on, or from this remaining life (hours) down."""
    class_costs: dict[str, float] = {}
    most_hours: int = 0
    lower_by: tuple[float, ...] = ()
    """Remaining life: hours from what is said down to the 5 % bound, in the lower, middle and upper third of it,"""
    upper_by: tuple[float, ...] = ()
    """and up to the 95 % bound;"""
    thirds: tuple[float, ...] = ()
    """where the thirds end."""
    trained_from: datetime | None = None
    trained_to: datetime | None = None
    """Newest hour that was learnt from: an hour up to it is not scored. None for a model that has seen none of ours."""
    folds_by: str = ""
    """What kept learnt and judged rows apart: `device`, or `time` where there is one device."""
    folds: int = 0
    rows: int = 0
    devices: int = 0
    estimate: dict[str, float | None] = {}
    """How good the recipe was on devices held out, with calibration and threshold of the other folds."""
    parameters: dict[str, Any] = {}
    seed: int = 0
    libraries: dict[str, str] = {}
    git_revision: str | None = None
    files: dict[str, str] = {}
    """SHA-256 of each file of the version."""

    def summary(self) -> str:
        """One line for a list of versions."""
        learnt = f", {self.rows:,} hours of {self.devices} devices" if self.rows else ""
        return f"{self.kind}{learnt} ({self.origin})"

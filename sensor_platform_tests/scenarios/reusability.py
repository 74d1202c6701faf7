"""Makes the model of `examples/water_quality/models/`: what treated water may be used for.

    python sensor_platform_tests/scenarios/reusability.py

It learns a rule of thumb from made-up water, so it is a demonstration and not a judgement about anybody's water.
Another model with the same inputs takes its place by `sensor-platform models add`.
"""

import hashlib
import json
from pathlib import Path

import lightgbm
import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).parents[2] / "examples" / "water_quality" / "models"
CLASSES = ("unfit", "industrial", "irrigation")
RANGES = {
    "flow_rate": (50.0, 300.0),
    "influent_BOD": (0.0, 250.0),
    "influent_COD": (0.0, 900.0),
    "influent_TSS": (0.0, 450.0),
    "influent_pH": (4.5, 10.0),
    "influent_TDS": (100.0, 3000.0),
    "temperature": (2.0, 38.0),
}
"""Inputs in the order of the model; mg/L, m3/h, degC."""
SEED = 7


def rule_of_thumb(water: NDArray[np.float64]) -> NDArray[np.int64]:
    """Class numbers of rows with the columns of RANGES."""
    _, bod, cod, tss, ph, tds, _ = water.T
    unfit = (bod > 100) | (cod > 500) | (tss > 300) | (tds > 2000) | (ph < 6.0) | (ph > 9.0)
    fine = (bod <= 30) & (cod <= 250) & (tss <= 100) & (tds <= 1000) & (ph >= 6.5) & (ph <= 8.5)
    return np.where(unfit, 0, np.where(fine, 2, 1))


def water(rows: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Made-up rows: half of them anywhere in the ranges, half near what may be used."""
    low, high = np.array(list(RANGES.values())).T
    anywhere = rng.uniform(low, high, (rows // 2, len(RANGES)))
    mild = rng.normal((150.0, 25.0, 200.0, 80.0, 7.4, 650.0, 20.0), (40.0, 25.0, 120.0, 60.0, 0.6, 350.0, 6.0))
    near = np.clip(mild + rng.normal(0.0, 1.0, (rows - rows // 2, len(RANGES))) * (high - low) / 8, low, high)
    return np.concatenate([anywhere, near])


def train() -> lightgbm.Booster:
    """Three classes, the same again for the same library."""
    rng = np.random.default_rng(SEED)
    rows = water(40_000, rng)
    data = lightgbm.Dataset(rows, label=rule_of_thumb(rows), feature_name=list(RANGES))
    options = {"objective": "multiclass", "num_class": len(CLASSES), "num_leaves": 10, "learning_rate": 0.35}
    return lightgbm.train(options | {"verbosity": -1, "seed": SEED, "num_threads": 1, "deterministic": True}, data, 24)


def main() -> None:
    """Write model and card."""
    FOLDER.mkdir(exist_ok=True)
    model = FOLDER / "reusability.txt"
    train().save_model(str(model))
    card = {
        "task": "reusability",
        "kind": "classes",
        "sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "features": list(RANGES),
        "classes": list(CLASSES),
        "origin": "a rule of thumb on made-up water, for demonstration only",
    }
    (FOLDER / "reusability.json").write_text(json.dumps(card, indent=2) + "\n")


if __name__ == "__main__":
    main()

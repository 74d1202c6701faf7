"""Scoring does not pay for scikit-learn."""

import subprocess
import sys

ALONE = """
import sys
from sensor_platform.predict.lightgbm_import import import_lightgbm_alone
import_lightgbm_alone()
import lightgbm, numpy as np
assert "sklearn" not in sys.modules
x = np.arange(200.0).reshape(100, 2)
model = lightgbm.train({"verbose": -1, "min_data_in_leaf": 5}, lightgbm.Dataset(x, x[:, 0]), 5)
assert np.isfinite(lightgbm.Booster(model_str=model.model_to_string()).predict(x)).all()
import sklearn.isotonic  # comes when somebody asks for it
"""


def test_lightgbm_is_loaded_without_scikit_learn_which_still_can_be() -> None:
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")

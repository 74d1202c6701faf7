"""The operations that the orchestration calls, in the order of the flow. A table of contents.

All take the data folder and the site; each holds the writer lock only while it reads or writes the warehouse.
"""

from sensor_platform.predict.anomaly.build_anomalies import build_anomalies
from sensor_platform.predict.features.build_features import build_features
from sensor_platform.predict.forecast.score_job import score
from sensor_platform.predict.forecast.train import needs_training, train
from sensor_platform.predict.site_view import PredictSite

__all__ = ["PredictSite", "build_anomalies", "build_features", "needs_training", "score", "train"]

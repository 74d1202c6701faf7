"""The instance's earlier module name, as a dagster.yaml in a home may carry it."""

from sensor_platform.orchestration.storage.event_batching import BatchingInstance

__all__ = ["BatchingInstance"]

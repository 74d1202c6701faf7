"""Retries of a step: an error is shown with its hint, and the step runs again where that can help."""

from collections.abc import Iterator
from contextlib import contextmanager

from dagster import AssetExecutionContext, Failure, OpExecutionContext, RetryRequested

from sensor_platform.errors import PlatformError, Unreachable
from sensor_platform.orchestration.partitions import LANE_TAG
from sensor_platform.site import Runs


@contextmanager
def with_retries(context: AssetExecutionContext | OpExecutionContext, runs: Runs) -> Iterator[None]:
    """Run the step again after the site's pause if the body fails and a retry can help.

    Steps of the sensor's runs are not retried: the sensor requests a new run by itself, and a waiting step would block
    its lane. Dagster's own `RetryPolicy` is not used, because it also retries a step that a person has cancelled.
    """
    can_retry = runs.retries > context.retry_number and LANE_TAG not in context.run.tags
    try:
        yield
    except Failure:
        raise
    except PlatformError as error:
        if can_retry and isinstance(error, Unreachable):
            raise _again(runs) from error
        raise Failure(description=str(error), allow_retries=False) from error
    except Exception as error:
        if can_retry:
            raise _again(runs) from error
        raise


def _again(runs: Runs) -> RetryRequested:
    return RetryRequested(max_retries=runs.retries, seconds_to_wait=runs.retry_after_seconds)

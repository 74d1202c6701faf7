"""What becomes of an error inside a step: shown with its hint, and tried again where that can help."""

from collections.abc import Iterator
from contextlib import contextmanager

from dagster import AssetExecutionContext, Failure, OpExecutionContext, RetryRequested

from sensor_platform.errors import PlatformError, Unreachable
from sensor_platform.orchestration.partitions import LANE_TAG
from sensor_platform.site import Runs


@contextmanager
def tried_again(context: AssetExecutionContext | OpExecutionContext, runs: Runs) -> Iterator[None]:
    """Have the step run again after the site's pause when the body fails, unless that would be of no use.

    Not in the sensor's runs: the sensor asks again by itself, and a step that waits would hold up its lane. And not by
    Dagster's `RetryPolicy`, which also retries a step that a person cancelled, five minutes after.
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

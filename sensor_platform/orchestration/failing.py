"""What becomes of an error inside an asset: shown with its hint, and tried again where that can help."""

from collections.abc import Iterator
from contextlib import contextmanager

from dagster import Failure, RetryRequested

from sensor_platform.errors import PlatformError, Unreachable
from sensor_platform.site import Runs


@contextmanager
def tried_again(runs: Runs) -> Iterator[None]:
    """Have the step run again after the site's pause when the body fails, unless that would be of no use.

    Not Dagster's own `RetryPolicy`: that one also retries a step that a person cancelled, 5 minutes after.
    """
    try:
        yield
    except Failure:
        raise
    except PlatformError as error:
        if not isinstance(error, Unreachable):
            raise Failure(description=str(error), allow_retries=False) from error
        raise _again(runs) from error
    except Exception as error:
        raise _again(runs) from error


def _again(runs: Runs) -> RetryRequested:
    return RetryRequested(max_retries=runs.retries, seconds_to_wait=runs.retry_after_seconds)

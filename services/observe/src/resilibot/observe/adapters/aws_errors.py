"""aws_errors: botocore's errors as SourceFailed."""

from collections.abc import Iterator
from contextlib import contextmanager

from resilibot.observe.ports import Reason, SourceFailed
from resilibot.runtime.aws_codes import DENIED

ABSENT = frozenset(
    {
        "ResourceNotFoundException",
        "ParameterNotFound",
        "NoSuchBucket",
        "NoSuchKey",
        "NotFoundException",
        "404",
        "ClusterNotFoundException",
        "ServiceNotFoundException",
        "DBInstanceNotFound",
        "DBInstanceNotFoundFault",
        "InvalidInstanceID.NotFound",
        "ResourceNotDiscoveredException",
    }
)
NOT_SET_UP = frozenset(
    {"SubscriptionRequiredException", "NoAvailableConfigurationRecorderException"}
)  # no support plan; not recorded
UNSUPPORTED = frozenset({"InternalFailure", "NotImplemented", "501", "InvalidAction", "UnknownOperationException"})


@contextmanager
def asking(question: str) -> Iterator[None]:
    """Raise SourceFailed, with the question, for whatever botocore raises."""
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        ConnectTimeoutError,
        EndpointConnectionError,
        ReadTimeoutError,
    )
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        raise SourceFailed(_reason(code), f"{question}: {error}"[:1000]) from error
    except (ConnectTimeoutError, ReadTimeoutError, EndpointConnectionError) as error:
        raise SourceFailed("timeout", f"{question}: {error}"[:1000]) from error
    except (BotoCoreError, ResponseParserError) as error:
        raise SourceFailed("error", f"{question}: {error}"[:1000]) from error


def _reason(code: str) -> Reason:
    if code in DENIED:
        return "no_permission"
    if code in ABSENT:
        return "no_data"
    if code in NOT_SET_UP:
        return "not_configured"
    return "not_supported" if code in UNSUPPORTED else "error"

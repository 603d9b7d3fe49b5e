"""What all AWS adapters share: client settings with short timeouts, and which of its errors pass by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import SystemRandom
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.parsers import ResponseParserError

from musubi.domain.errors import Retryable

_PASSING_CODES = frozenset(
    {
        "InternalException",
        "InternalFailure",
        "InternalServerError",
        "KMS.ThrottlingException",
        "KmsThrottled",
        "ProvisionedThroughputExceededException",
        "ReplicatedWriteConflictException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingError",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)

_SQS_PREFIX = "AWS.SimpleQueueService."


def client_config(connect_s: float = 1, read_s: float = 3, attempts: int = 3) -> Config:
    """Settings for every AWS client: boto's defaults wait 60 s for a connection, longer than most functions may run."""
    return Config(
        connect_timeout=connect_s,
        read_timeout=read_s,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )


def client(service: str, **config: Any) -> Any:
    """A low-level client of `service` with our settings (`client_config`'s arguments)."""
    import boto3

    return boto3.client(service, config=client_config(**config))  # type: ignore[call-overload]


def jittered(seconds: float) -> float:
    """A pause between half of `seconds` and `seconds`, so that those who collided once do not collide again."""
    return SystemRandom().uniform(0.5, 1) * seconds


def code_of(error: Exception) -> str:
    """A short name for the log: the service's error code, or the class. Never the message, which may quote keys."""
    if isinstance(error, ClientError):
        # SQS may prefix its codes as its old query protocol did; a prefixed throttle is a throttle all the same.
        return str(error.response.get("Error", {}).get("Code", "ClientError")).removeprefix(_SQS_PREFIX)
    return type(error).__name__


def passes(error: Exception) -> bool:
    """True if the same request may succeed later: no answer, a broken one, a throttle, or the service's own fault."""
    if isinstance(error, HTTPClientError | NoConnectionError | ResponseParserError):
        return True
    if not isinstance(error, ClientError):
        return False
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= 500 or code_of(error) in _PASSING_CODES


@contextmanager
def retryable(what: str) -> Iterator[None]:
    """Turn AWS errors that pass by themselves into `Retryable`; others are bugs or wrong deployments and come out."""
    try:
        yield
    except (BotoCoreError, ClientError, ResponseParserError) as error:
        if passes(error):
            raise Retryable(f"{what}: {code_of(error)}") from error
        raise

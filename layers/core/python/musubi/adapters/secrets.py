"""Secrets by name from SSM SecureString parameters, one secret per line: the current one, then the previous.

Plain boto3 on purpose: beside the SQS client it costs a webhook door 0.03 to 0.06 s of start-up, Powertools'
SSMProvider 0.10 to 0.16 s (bare boto3 with SQS: 0.25 to 0.33 s, measured), and LINE gives a webhook 2 s.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from botocore.exceptions import ClientError

from musubi.adapters.aws import code_of, passes, retryable

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

MAX_AGE = timedelta(seconds=300)
REFRESH_AT_MOST_EVERY = timedelta(seconds=10)
"""Anybody can send a wrong signature; that must not become a request to SSM (40 a second for the whole account)."""


class SsmSecrets:
    """The secrets under one prefix, cached. `now` is machine time."""

    ACTIONS: ClassVar[set[str]] = {"ssm:GetParameter"}

    def __init__(self, client: SSMClient, prefix: str, now: Callable[[], datetime]) -> None:
        self._client = client
        self._prefix = prefix.rstrip("/")
        self._now = now
        self._cache: dict[str, tuple[datetime, tuple[str, ...]]] = {}

    def lines(self, name: str, *, fresh: bool = False) -> tuple[str, ...]:
        """The secrets in `<prefix>/<name>`, current first; () if there is no such parameter.

        `fresh` asks past the cache. While SSM does not answer, what was known before stays good; raises Retryable
        only if nothing was.
        """
        now = self._now()
        known = self._cache.get(name)
        if known and now - known[0] < (REFRESH_AT_MOST_EVERY if fresh else MAX_AGE):
            return known[1]
        try:
            found = self._read(name)
        except Exception as error:
            if known is None or not passes(_cause(error)):
                raise
            found = known[1]
        self._cache[name] = (now, found)
        return found

    def _read(self, name: str) -> tuple[str, ...]:
        with retryable("secret"):
            try:
                answer = self._client.get_parameter(Name=f"{self._prefix}/{name}", WithDecryption=True)
            except ClientError as error:
                if code_of(error) == "ParameterNotFound":
                    return ()
                raise
        text = answer["Parameter"]["Value"]
        return tuple(line.strip() for line in text.splitlines() if line.strip())


def _cause(error: Exception) -> Exception:
    return error.__cause__ if isinstance(error.__cause__, Exception) else error

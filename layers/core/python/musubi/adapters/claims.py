"""Claim check: bodies too long for a queue wait in an encrypted bucket. Light to import: the webhook doors use it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from botocore.exceptions import ClientError

from musubi.adapters.aws import code_of, retryable
from musubi.domain.errors import Permanent

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3Claims:
    """Bodies of one source in one bucket, under `<prefix>/<UTC date>/<sha256>`; the bucket forgets them after 30 days.

    `client` is asked for at the first large body: most containers never see one, and an S3 client costs start-up time.
    `now` is machine time.
    """

    ACTIONS: ClassVar[set[str]] = {"s3:PutObject", "s3:GetObject"}

    def __init__(self, client: Callable[[], S3Client], bucket: str, prefix: str, now: Callable[[], datetime]) -> None:
        self._make_client = client
        self._client: S3Client | None = None
        self._bucket = bucket
        self._prefix = prefix
        self._now = now

    def _s3(self) -> S3Client:
        if self._client is None:
            self._client = self._make_client()
        return self._client

    def put(self, payload: str) -> str:
        """s3:PutObject. Store `payload` and return its key; the same body on the same day is the same object."""
        raw = payload.encode("utf-8", "surrogatepass")
        day = self._now().astimezone(UTC).date().isoformat()
        key = f"{self._prefix}/{day}/{hashlib.sha256(raw).hexdigest()}"
        with retryable("claim"):
            self._s3().put_object(Bucket=self._bucket, Key=key, Body=raw, ContentType="application/octet-stream")
        return key

    def get(self, key: str) -> str:
        """s3:GetObject. The body under `key`; raises Permanent if it is not ours, gone, or not what was stored."""
        if not key.startswith(f"{self._prefix}/"):
            raise Permanent("claim outside its prefix")
        with retryable("claim"):
            try:
                raw = self._s3().get_object(Bucket=self._bucket, Key=key)["Body"].read()
            except ClientError as error:
                if code_of(error) == "NoSuchKey":
                    raise Permanent("claimed body is gone") from error
                raise
        if hashlib.sha256(raw).hexdigest() != key.rpartition("/")[2]:
            raise Permanent("claimed body is not what was stored")
        return raw.decode("utf-8", "surrogatepass")

"""The history's objects in S3, each written once or never (conditional writes)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from botocore.exceptions import ClientError

from musubi.adapters.aws import code_of, retryable
from musubi.domain.errors import Retryable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_THERE = "PreconditionFailed"
_COLLIDED = "ConditionalRequestConflict"
_MISSING = frozenset({"NoSuchKey", "AccessDenied"})
"""S3 says 403 instead of 404 to who may not list a bucket, and nobody here may. Where rights are really missing, the write
that follows says so.
"""


class S3Archive:
    """Implements `Archive`. A void object is an empty one: it has no lines, and no reader stumbles over it."""

    ACTIONS: ClassVar[set[str]] = {"s3:PutObject", "s3:GetObject"}

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def write(self, key: str, text: str) -> bool:
        """s3:PutObject, s3:GetObject when something is there already."""
        return self._put(key, text.encode()) or self.holds(key) is True

    def holds(self, key: str) -> bool | None:
        """s3:GetObject. Not a HEAD: what stands between may answer one without its length, and the price is the same."""
        with retryable("history"):
            try:
                with self._client.get_object(Bucket=self._bucket, Key=key)["Body"] as body:
                    return body.read(1) != b""
            except ClientError as error:
                if code_of(error) in _MISSING:
                    return None
                raise

    def void(self, key: str) -> bool:
        """s3:PutObject, s3:GetObject when something is there already."""
        return self._put(key, b"") or self.holds(key) is False

    def _put(self, key: str, body: bytes) -> bool:
        """True if this call stored it; False if something is under `key`, perhaps by an earlier try whose answer was lost."""
        with retryable("history"):
            try:
                self._client.put_object(
                    Bucket=self._bucket, Key=key, Body=body, ContentType="application/x-ndjson", IfNoneMatch="*"
                )
            except ClientError as error:
                if code_of(error) == _COLLIDED:
                    raise Retryable("history: two writers at one object", after_s=1) from error
                if code_of(error) != _THERE:
                    raise
                return False
        return True

"""Exports of a person's data: encrypted objects for an operator, which the bucket forgets after 30 days."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from musubi.adapters.aws import retryable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIX = "privacy-exports"


class S3Exports:
    """Implements `Exports`: `privacy-exports/<name>.json` in the bucket of large bodies, whose lifecycle it shares.

    `client` is asked for at the first export: in most runs there is none, and an S3 client costs start-up time.
    """

    ACTIONS: ClassVar[set[str]] = {"s3:PutObject"}

    def __init__(self, client: Callable[[], S3Client], bucket: str) -> None:
        self._make_client = client
        self._bucket = bucket

    def put(self, name: str, document: str) -> str:
        """s3:PutObject. The same name again replaces what was there."""
        key = f"{PREFIX}/{name}.json"
        with retryable("export"):
            self._make_client().put_object(
                Bucket=self._bucket, Key=key, Body=document.encode(), ContentType="application/json"
            )
        return f"s3://{self._bucket}/{key}"

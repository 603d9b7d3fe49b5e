"""The bucket into which shops drop tables: read by ranges, so that a file's size costs time and no memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from botocore.exceptions import ClientError

from musubi.adapters.aws import code_of, retryable
from musubi.adapters.csv.reading import TableReader
from musubi.adapters.csv.reports import place_of, report_key, report_of
from musubi.contracts.imports import report_json
from musubi.contracts.values import instant
from musubi.domain.errors import Permanent
from musubi.domain.imports import FilePlace, FoundFile, Import, ImportPage
from musubi.ports import FileReplaced

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

AS_OF = "as-of"
"""Metadata (`x-amz-meta-as-of`, RFC 3339) by which whoever drops a file says when the shop made it."""
_RANGE = 4 * 1024 * 1024
_GONE = frozenset({"NoSuchKey", "404", "AccessDenied", "403"})
"""Without the right to list, which nothing else needs, S3 calls a missing object forbidden."""


class S3ImportFiles:
    """Implements `ImportFiles`."""

    ACTIONS: ClassVar[set[str]] = {"s3:GetObject", "s3:PutObject"}

    def __init__(self, client: S3Client, bucket: str, reader: TableReader) -> None:
        self._client = client
        self._bucket = bucket
        self._reader = reader

    def place(self, key: str) -> FilePlace | None:
        return place_of(key)

    def find(self, key: str) -> FoundFile:
        """s3:GetObject (HeadObject)."""
        place = place_of(key)
        if place is None:
            raise Permanent("import: no file")
        with retryable("import"):
            try:
                head = self._client.head_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if code_of(error) in _GONE:
                    raise Permanent("import: the file is gone") from error
                raise
        uploaded_at = head["LastModified"].astimezone(UTC)
        return FoundFile(
            key=key,
            place=place,
            etag=head["ETag"],
            size=head["ContentLength"],
            uploaded_at=uploaded_at,
            as_of=_said(head["Metadata"].get(AS_OF)) or uploaded_at,
        )

    def pages(self, one: Import) -> Iterable[ImportPage]:
        """s3:GetObject by ranges of 4 MiB."""
        return self._reader.pages(one, lambda offset: self._chunks(one, offset))

    def _chunks(self, one: Import, offset: int) -> Iterator[bytes]:
        for start in range(offset, one.size, _RANGE):
            end = min(start + _RANGE, one.size) - 1
            with retryable("import"):
                try:
                    answer = self._client.get_object(
                        Bucket=self._bucket, Key=one.file_key, Range=f"bytes={start}-{end}", IfMatch=one.etag
                    )
                    chunk = answer["Body"].read()
                except ClientError as error:
                    if code_of(error) in {"PreconditionFailed", "412", "InvalidRange"} | _GONE:
                        raise FileReplaced from error
                    raise
            yield chunk

    def report(self, one: Import) -> None:
        """s3:PutObject."""
        with retryable("import report"):
            self._client.put_object(
                Bucket=self._bucket,
                Key=report_key(one.file_key),
                Body=report_json(report_of(one)).encode(),
                ContentType="application/json; charset=utf-8",
            )


def _said(text: str | None) -> datetime | None:
    """When the shop made the file; what can not be read is as good as not said."""
    try:
        return instant(text, AS_OF)
    except Permanent:
        return None

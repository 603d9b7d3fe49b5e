"""The history over DynamoDB and S3: objects that are written once or never, and a fault at every call of its writer."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from musubi.adapters import aws
from musubi.adapters.archive import S3Archive
from musubi.adapters.memory.archive import MemoryArchive
from musubi.domain.errors import Retryable
from musubi.domain.history import RecordKind
from musubi.ports import Archive
from tests.stores.conftest import dynamo_store
from tests.support import tables
from tests.support.flows_faults import Mode, Points
from tests.support.history_rig import Rig, record

BUCKET = "musubi-test-history"
KEY = "history/event/2026/12/24/00/a.jsonl"


def make_bucket(name: str = BUCKET) -> Any:
    client = aws.client("s3")
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return client


@pytest.fixture(params=["memory", "s3"])
def archive(request: pytest.FixtureRequest) -> Archive:
    if request.param == "memory":
        return MemoryArchive()
    request.getfixturevalue("dynamodb")
    return S3Archive(make_bucket(), BUCKET)


def test_an_object_is_written_once_and_a_repeat_of_the_write_knows_it(archive: Archive) -> None:
    assert archive.holds(KEY) is None
    assert archive.write(KEY, "a\n") is True
    assert archive.holds(KEY) is True
    assert archive.write(KEY, "a\n") is True
    assert archive.void(KEY) is False
    assert archive.holds(KEY) is True


def test_a_void_object_is_never_written(archive: Archive) -> None:
    assert archive.void(KEY) is True
    assert archive.write(KEY, "a\n") is False
    assert archive.void(KEY) is True
    assert archive.holds(KEY) is False


@pytest.mark.parametrize(("code", "status"), [("SlowDown", 503), ("ConditionalRequestConflict", 409)])
def test_what_passes_by_itself_is_tried_again_later(dynamodb: Any, code: str, status: int) -> None:
    client = make_bucket()

    def refuse(**_: object) -> None:
        error: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
        raise ClientError(error, "PutObject")

    client.put_object = refuse
    with pytest.raises(Retryable, match="history"):
        S3Archive(client, BUCKET).write(KEY, "a\n")


def test_a_missing_bucket_is_a_wrong_deployment_and_says_so(dynamodb: Any) -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        S3Archive(aws.client("s3"), "musubi-test-gone").write(KEY, "a\n")


MESSAGES = [[record(n), record(n + 1, kind=RecordKind.SEND)] for n in (0, 1)] + [[record(0)], [record(9)]]
IDS = {one.record_id: 1 for message in MESSAGES for one in message}


@pytest.mark.parametrize("mode", [Mode.CRASH_BEFORE, Mode.CRASH_AFTER, Mode.ANSWER_LOST])
@pytest.mark.parametrize("seed", range(2))
def test_a_fault_at_every_call_loses_and_doubles_no_line(dynamodb: Any, mode: Mode, seed: int) -> None:
    at = 1
    while True:
        bucket = f"{BUCKET}-{at}"
        client = make_bucket(bucket)

        def read(bucket: str = bucket, client: Any = client) -> dict[str, str]:
            listed = client.list_objects_v2(Bucket=bucket).get("Contents", [])
            return {
                one["Key"]: client.get_object(Bucket=bucket, Key=one["Key"])["Body"].read().decode() for one in listed
            }

        for row in dynamodb.scan(TableName=tables.WORK)["Items"]:
            dynamodb.delete_item(TableName=tables.WORK, Key={"pk": row["pk"], "sk": row["sk"]})
        rig = Rig(store=dynamo_store(dynamodb), archive=S3Archive(client, bucket), read=read, points=Points(at, mode))
        rig.work_off(MESSAGES, seed)
        assert rig.ids() == IDS, (at, mode)
        if not rig.points.fired:
            break
        at += 1
    assert at > 6
    versions = boto3.client("s3").list_object_versions(Bucket=bucket)["Versions"]
    assert len(versions) == len(read()), "no object is ever written over another"

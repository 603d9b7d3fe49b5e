"""The bucket and the queues of imports, over AWS in memory; and what their messages say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws

from musubi.adapters.csv import s3 as csv_s3
from musubi.adapters.csv.queues import SqsImportJobs, SqsRowQueue
from musubi.adapters.csv.reading import TableReader
from musubi.adapters.csv.s3 import S3ImportFiles
from musubi.contracts.imports import ImportedRow, job_body, read_job, read_rows, row_json
from musubi.domain.changes import MemberChange
from musubi.domain.errors import Permanent
from musubi.domain.imports import Import, ImportJob, ImportState
from musubi.domain.people import Attribute
from musubi.ports import FileReplaced
from tests.unit.imports.reading import AS_OF, LAYOUTS, NOW, events_of

BUCKET, KEY = "musubi-test-imports", "main/members/会員 11月.csv"
TABLE = ("会員ID,氏名\n" + "".join(f"{n},会員{n}\n" for n in range(300))).encode()


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", "ap-northeast-1", aws_access_key_id="x", aws_secret_access_key="x")
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
        yield client


def files(s3: Any) -> S3ImportFiles:
    return S3ImportFiles(s3, BUCKET, TableReader(LAYOUTS, lambda: NOW))


def begun(place: S3ImportFiles) -> Import:
    found = place.find(KEY)
    named: dict[str, Any] = {"shop_id": found.place.shop_id, "kind": found.place.kind, "file_key": found.key}
    return Import(import_id="i", etag=found.etag, size=found.size, as_of=found.as_of, started_at=NOW, **named)


def test_a_file_is_read_by_ranges_and_its_report_lies_beside_it(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_s3, "_RANGE", 700)
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=TABLE, Metadata={"as-of": "2026-11-20T10:00:00+09:00"})
    place = files(s3)
    one = begun(place)
    assert one.as_of == datetime(2026, 11, 20, 1, tzinfo=UTC)
    messages = [message for page in place.pages(one) for message in page.messages]
    assert [e.member.member_id for e in events_of(messages) if e.member] == [str(n) for n in range(300)]
    place.report(one.ended(ImportState.DONE, "end_of_file", NOW))
    report = json.loads(s3.get_object(Bucket=BUCKET, Key=f"reports/{KEY}.json")["Body"].read())
    assert (report["file"], report["state"]) == (KEY, "done")


@pytest.mark.parametrize("said", ["", "yesterday"])
def test_a_file_without_a_date_of_its_own_has_the_day_on_which_it_was_dropped(s3: Any, said: str) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=TABLE, Metadata={"as-of": said} if said else {})
    found = files(s3).find(KEY)
    assert found.as_of == found.uploaded_at


def test_a_file_that_changes_or_goes_is_told_from_one_that_can_not_be_read(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=TABLE)
    place = files(s3)
    one = begun(place)
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=TABLE + b"301,x\n")
    with pytest.raises(FileReplaced):
        list(place.pages(one))
    with pytest.raises(FileReplaced):
        list(place.pages(replace(one, file_key="main/members/gone.csv")))
    with pytest.raises(Permanent, match="the file is gone"):
        place.find("main/members/gone.csv")


def test_an_empty_file_is_refused(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"")
    place = files(s3)
    with pytest.raises(Permanent, match="file: empty"):
        list(place.pages(begun(place)))


def test_rows_and_unfinished_imports_are_queued_as_they_are() -> None:
    with mock_aws():
        sqs = boto3.client("sqs", "ap-northeast-1", aws_access_key_id="x", aws_secret_access_key="x")
        url = sqs.create_queue(QueueName="q")["QueueUrl"]
        SqsRowQueue(sqs, url).send(["a", "b"])
        SqsImportJobs(sqs, url).send(ImportJob(KEY, "i1"))
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    bodies = [one["Body"] for one in found]
    assert bodies[:2] == ["a", "b"]
    assert read_job(bodies[2]) == ImportJob(KEY, "i1")


def test_eventbridges_word_of_a_new_object_is_a_job() -> None:
    detail = {"bucket": {"name": BUCKET}, "object": {"key": KEY, "size": 1}, "reason": "PutObject"}
    envelope = {"detail-type": "Object Created", "source": "aws.s3", "detail": detail}
    assert read_job(json.dumps(envelope)) == ImportJob(KEY)
    assert read_job(job_body(ImportJob(KEY, "i1"))) == ImportJob(KEY, "i1")


@pytest.mark.parametrize(
    "body",
    [
        "x",
        "[]",
        "{}",
        '{"v":2,"key":"k","import_id":"i"}',
        '{"detail-type":"Object Deleted","detail":{"object":{"key":"k"}}}',
        '{"detail-type":"Object Created","detail":{"object":{}}}',
        '{"detail-type":"Object Created","detail":7}',
    ],
)
def test_a_job_that_is_none_is_refused(body: str) -> None:
    with pytest.raises(Permanent, match="import job"):
        read_job(body)


@pytest.mark.parametrize("body", [b"x", b"{}", b'{"v":1,"kind":"members","rows":[]}', b'{"v":1,"kind":"x","rows":[1]}'])
def test_rows_that_are_none_are_refused(body: bytes) -> None:
    with pytest.raises(Permanent, match="rows: "):
        read_rows(body, "main", NOW)


def test_equal_rows_are_equal_events_and_others_are_others() -> None:
    row = ImportedRow(type="MemberUpdated", occurred_at=AS_OF, as_of=AS_OF)
    assert row_json("main/csv/members", row) == row_json("main/csv/members", replace(row))
    others = [replace(row, as_of=NOW), replace(row, type="MemberRegistered")]
    ids = {json.loads(row_json("main/csv/members", one))["id"] for one in (row, *others)}
    assert len(ids | {json.loads(row_json("outlet/csv/members", row))["id"]}) == 4


def test_a_date_that_is_none_is_refused_by_the_worker_too() -> None:
    attribute = Attribute("since", "yesterday", "s", AS_OF)
    member = MemberChange(member_id="1", attributes=(attribute,))
    row = ImportedRow(type="MemberUpdated", occurred_at=AS_OF, as_of=AS_OF, member=member, dates=("since",))
    body = b'{"v":1,"kind":"members","rows":[' + row_json("main/csv/members", row) + b"]}"
    with pytest.raises(Permanent, match="not a date"):
        read_rows(body, "main", NOW)

"""A table by command: through the bucket, the account's bus, the queues and both functions, to what is known of a member."""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from local.stack.aws import Aws
from local.story import Story

pytestmark = pytest.mark.e2e


def test_an_imported_table_is_known_and_reported_and_messages_nobody(story: Story, aws: Aws, tmp_path: Path) -> None:
    member_id = f"csv-{uuid.uuid4().hex[:8]}"
    table = tmp_path / "会員.csv"
    rows = f'会員ID,氏名,会員ランク,ポイント残高\r\n{member_id},結城,ゴールド,"1,250"\r\nx y,broken,,\r\n'
    table.write_bytes(rows.encode("cp932"))
    sent = story.musubi("import", "members", str(table))
    report, end = None, time.monotonic() + 60
    while report is None and time.monotonic() < end:
        time.sleep(0.2)  # S3 tells the bus in its own time, which nobody can ask for
        report = _report(aws, sent)
    story.settle()
    assert report is not None
    assert (report["state"], report["taken"], report["refused"], report["encoding"]) == ("done", 1, 1, "cp932")
    assert report["problems"] == [{"line": 3, "field": "member_id", "why": "no id"}]
    known = story.musubi("member", "show", member_id)["member"]
    assert (known["family_name"], known["points"]) == ("結城", 1250)


def _report(aws: Aws, sent: dict[str, str]) -> Any:
    listed = aws.s3.list_objects_v2(Bucket=sent["bucket"], Prefix=sent["report"]).get("Contents", [])
    if not listed:
        return None
    return json.loads(aws.s3.get_object(Bucket=sent["bucket"], Key=sent["report"])["Body"].read())

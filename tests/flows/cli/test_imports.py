"""import: what a table would come to, without AWS; and where it goes."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from typer.testing import CliRunner

from musubi.cli.commands import app
from tests.flows.cli.conftest import Desk
from tests.support.markdown import ROOT

TABLES = ROOT / "events" / "csv"
BUCKET = "musubi-test-imports-123456789012-ap-northeast-1"


def dry(kind: str, file: Path, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["import", kind, str(file), "--dry-run", *words])
    return done.exit_code, done.output


def test_a_dry_run_counts_and_asks_nobody() -> None:
    code, said = dry("orders", TABLES / "orders.csv")
    assert (code, said.splitlines()) == (
        0,
        ["6 rows (cp932): 6 taken, 0 refused, 0 skipped; 4 events", "left out: status, 1 times"],
    )


def test_a_dry_run_names_lines_and_fields_and_no_values() -> None:
    code, said = dry("members", TABLES / "members_broken_rows.csv")
    assert code == 1
    assert said.splitlines()[0] == "8 rows (utf-8): 2 taken, 6 refused, 0 skipped; 4 events"
    assert {"line 3: member_id: empty", "line 4: points: not a number", "line 6: 2 cells, the header has 4"} <= set(
        said.splitlines()
    )
    assert not any(name in said for name in ("黒木", "たくさん", "2203"))


def test_a_table_that_can_not_be_read_is_refused_with_the_reason() -> None:
    code, said = dry("members", TABLES / "members_without_id.csv", "--json")
    report = json.loads(said)
    assert (code, report["state"]) == (1, "refused")
    assert report["reason"].startswith("file: no column for member_id")


def test_a_long_list_of_problems_is_cut(tmp_path: Path) -> None:
    file = tmp_path / "m.csv"
    file.write_text("会員ID,氏名\n" + "a b,x\n" * 30, encoding="utf-8")
    assert dry("members", file)[1].splitlines()[-1] == "… and 10 more"


def test_the_shops_own_columns_are_known_to_a_dry_run(tmp_path: Path) -> None:
    (tmp_path / "imports").mkdir()
    (tmp_path / "imports" / "own.yaml").write_text("kind: members\ncolumns: {member_id: [お客様]}\n", encoding="utf-8")
    file = tmp_path / "m.csv"
    file.write_text("お客様\n1001\n", encoding="utf-8")
    assert dry("members", file)[0] == 1
    assert dry("members", file, "--content", str(tmp_path))[0] == 0


@pytest.mark.parametrize("words", [(), ("--shop", "outlet")])
def test_a_table_is_put_where_the_function_looks_and_its_report_is_named(
    desk: Desk, tmp_path: Path, words: tuple[str, ...]
) -> None:
    file = tmp_path / "会員.csv"
    file.write_bytes((TABLES / "members.csv").read_bytes())
    made_at = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
    os.utime(file, (made_at.timestamp(), made_at.timestamp()))
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    sent = desk.ask("import", "members", str(file), *words)
    shop = words[1] if words else "main"
    key = f"{shop}/members/会員-20261123T010203Z.csv"
    assert sent == {"bucket": BUCKET, "key": key, "report": f"reports/{key}.json"}
    found = s3.get_object(Bucket=BUCKET, Key=key)
    assert found["Body"].read() == file.read_bytes()
    assert found["Metadata"] == {"as-of": made_at.isoformat()}
    assert f"s3://{BUCKET}/reports/{key}.json" in desk.run("import", "members", str(file), *words).output


def test_the_time_of_a_table_may_be_said(desk: Desk) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    sent = desk.ask("import", "points", str(TABLES / "points.tsv"), "--as-of", "2026/11/22 3:00")
    assert sent["key"] == "main/points/points-20261121T180000Z.tsv"
    assert desk.run("import", "points", str(TABLES / "points.tsv"), "--as-of", "yesterday").exit_code == 2


def test_without_a_deployment_nothing_is_sent() -> None:
    done = CliRunner().invoke(app, ["import", "members", str(TABLES / "members.csv")])
    assert (done.exit_code, "name the deployment" in done.output) == (2, True)

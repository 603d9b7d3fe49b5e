"""The drop for tables: bucket → the account's bus → queue → function. The embedded AWS checks none of the policies."""

from infra.constructs.imports import KINDS
from infra.lib.template import ACCOUNT, REGION
from musubi.contracts.imports import FIELDS
from tests.infra.conftest import Synthesised, as_list

BUCKET = "imports-123456789012-ap-northeast-1"


def rule_of(stage: Synthesised) -> dict[str, object]:
    return dict(stage.named("AWS::Events::Rule", "Name", f"{stage.prefix}-imports-in").properties)


def test_the_bucket_is_private_encrypted_and_forgets_after_a_month(stage: Synthesised) -> None:
    bucket = stage.named("AWS::S3::Bucket", "BucketName", f"{stage.prefix}-{BUCKET}").properties
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert (rule["ExpirationInDays"], rule["Status"], stage.config.imports_days) == (30, "Enabled", 30)
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    algorithm = encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
    assert algorithm == ("aws:kms" if stage.config.customer_managed_key else "AES256")


def test_the_bucket_tells_the_accounts_bus_and_no_function_sets_that_up(stage: Synthesised) -> None:
    bucket = stage.named("AWS::S3::Bucket", "BucketName", f"{stage.prefix}-{BUCKET}").properties
    assert bucket["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    assert not list(stage.stateful.of_type("AWS::Lambda::Function"))


def test_the_rule_takes_new_tables_but_no_reports(stage: Synthesised) -> None:
    rule = rule_of(stage)
    assert "EventBusName" not in rule
    assert rule["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {
            "bucket": {"name": [f"{stage.prefix}-{BUCKET}"]},
            "object": {"key": [{"anything-but": {"prefix": "reports/"}}]},
        },
    }
    (target,) = as_list(rule["Targets"])
    assert target["Arn"].endswith(f":{stage.prefix}-imports")
    assert target["DeadLetterConfig"]["Arn"].endswith(f":{stage.prefix}-imports-dlq")
    assert not {"InputPath", "InputTransformer", "Input"} & set(target)


def test_only_that_rule_may_put_into_the_queue_and_its_dead_letters(stage: Synthesised) -> None:
    wanted = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{stage.prefix}-imports-in"
    seen = set()
    for policy in stage.stateless.of_type("AWS::SQS::QueuePolicy"):
        (url,) = policy.properties["Queues"]
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow" and "-imports" in url:
                assert statement["Principal"] == {"Service": "events.amazonaws.com"}
                assert as_list(statement["Condition"]["ArnLike"]["aws:SourceArn"]) == [wanted]
                seen.add(url.rpartition("/")[2])
    assert seen == {f"{stage.prefix}-imports", f"{stage.prefix}-imports-dlq"}


def test_an_import_has_time_for_a_page_and_may_go_on_in_its_own_queue(stage: Synthesised) -> None:
    function = stage.functions["import_file"]
    assert function.timeout == 300
    assert function.properties["RecursiveLoop"] == "Allow"


def test_both_sides_know_the_same_kinds_of_tables() -> None:
    assert set(KINDS) == set(FIELDS)

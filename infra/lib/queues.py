"""Queues: encrypted, TLS only, each watched by alarms."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cw
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.lib.nag import acknowledge
from infra.lib.site import Site

TWO_WEEKS = cdk.Duration.days(14)


def make_queue(
    scope: Construct,
    construct_id: str,
    *,
    site: Site,
    name: str,
    retention: cdk.Duration = TWO_WEEKS,
    visibility: cdk.Duration | None = None,
    dead_letters: sqs.DeadLetterQueue | None = None,
) -> sqs.Queue:
    """Make a queue ``musubi-<stage>-<name>`` that refuses plain HTTP and is encrypted at rest."""
    own_key = sqs.QueueEncryption.KMS if site.key else sqs.QueueEncryption.SQS_MANAGED
    queue = sqs.Queue(
        scope,
        construct_id,
        queue_name=site.names.of(name),
        encryption=own_key,
        encryption_master_key=site.key,
        # One data key per queue for an hour: the customer's key is asked, and billed, that much less often.
        data_key_reuse=cdk.Duration.hours(1) if site.key else None,
        enforce_ssl=not site.config.plain_http,
        retention_period=retention,
        visibility_timeout=visibility,
        dead_letter_queue=dead_letters,
    )
    if site.config.plain_http:
        acknowledge(
            queue,
            "AwsSolutions-SQS4",
            f"Queue {name} of stage {site.config.stage} lives in the embedded AWS, which listens on this machine only.",
        )
    return queue


def make_last_stop(scope: Construct, construct_id: str, *, site: Site, name: str, why: str) -> sqs.Queue:
    """Make a queue at which messages end until a person has looked; any message in it is an alarm."""
    queue = make_queue(scope, construct_id, site=site, name=name)
    acknowledge(
        queue,
        "AwsSolutions-SQS3",
        f"Queue {name} is where failed messages end; a dead-letter queue behind it would only hide them.",
    )
    acknowledge(
        queue,
        "Serverless-SQSRedrivePolicy",
        f"Queue {name} is where failed messages end; nothing receives from it automatically, so nothing can fail.",
    )
    site.desk.alarm(f"{name}-not-empty", visible(queue), why=why)
    return queue


def allow_service(queue: sqs.Queue, service: str, source_arns: Sequence[str], *, sid: str) -> None:
    """Let an AWS service send here, for the named sources only: without them any account's rule could."""
    queue.add_to_resource_policy(
        iam.PolicyStatement(
            sid=sid,
            principals=[iam.ServicePrincipal(f"{service}.amazonaws.com")],
            actions=["sqs:SendMessage"],
            resources=[queue.queue_arn],
            conditions={"ArnLike": {"aws:SourceArn": list(source_arns)}},
        )
    )


def visible(queue: sqs.IQueue) -> cw.Metric:
    """Return the number of messages waiting in a queue."""
    return queue.metric_approximate_number_of_messages_visible(period=cdk.Duration.minutes(1), statistic="Maximum")


def oldest_age(queue: sqs.IQueue) -> cw.Metric:
    """Return the age of the oldest message in seconds."""
    return queue.metric_approximate_age_of_oldest_message(period=cdk.Duration.minutes(1), statistic="Maximum")

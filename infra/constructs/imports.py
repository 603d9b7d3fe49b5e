"""Imports: tables that a shop drops into a bucket, row by row onto the queue of its events."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.lib.grants import READ, WRITE
from infra.lib.python_function import PythonFunction
from infra.lib.queue_worker import WorkQueue, work_off
from infra.lib.queues import allow_service
from infra.lib.site import Site

KINDS = ("members", "orders", "points")
TIMEOUT_S = 300
SLO_S = 1800
_RULE = "imports-in"


class Imports(Construct):
    """Bucket ``imports`` → the account's bus → queue ``imports`` → ``import_file`` → queue ``shop-events``."""

    def __init__(
        self, scope: Construct, construct_id: str, *, site: Site, shop_events: sqs.Queue, quarantine: sqs.Queue
    ) -> None:
        super().__init__(scope, construct_id)
        self.files = WorkQueue(self, "Files", site=site, name="imports", timeout_s=TIMEOUT_S, slo_s=SLO_S)
        grants, config = site.grants, site.config
        self.worker = PythonFunction(
            self,
            "ImportFile",
            site=site,
            name="import_file",
            timeout_s=TIMEOUT_S,
            memory_mb=1024,
            environment={
                "WORK_TABLE": site.names.of("work"),
                "IMPORTS_BUCKET": site.names.imports_bucket(),
                "IMPORTS_QUEUE_URL": self.files.queue.queue_url,
                "SHOP_EVENTS_QUEUE_URL": shop_events.queue_url,
                "QUARANTINE_QUEUE_URL": quarantine.queue_url,
                "SHOPS": ",".join(config.shops),
                "CONTENT_DIR": config.content_dir,
            },
            statements=[
                *grants.table("work", READ + WRITE),
                *grants.consume("imports"),
                *grants.send("imports", "shop-events", "quarantine"),
                *grants.imports([f"{shop}/{kind}" for shop in config.shops for kind in KINDS]),
            ],
            content=True,
            # A file that takes longer than one invocation goes on in the next one.
            requeues=True,
        )
        # One file an invocation: a second one would only wait for the first.
        work_off(self.files, self.worker, site, batch=1)
        self._take_from_bucket(site)

    def _take_from_bucket(self, site: Site) -> None:
        """S3 tells the account's own bus of each new object; what cannot be put into the queue waits beside it."""
        for queue in (self.files.queue, self.files.dead_letters):
            allow_service(queue, "events", [site.names.account_rule_arn(_RULE)], sid="FromOurRule")
        taken = events.CfnRule(
            self,
            "In",
            name=site.names.of(_RULE),
            description="Tables dropped into the imports bucket, but not the reports that are left beside them",
            event_pattern={
                "source": ["aws.s3"],
                "detail-type": ["Object Created"],
                "detail": {
                    "bucket": {"name": [site.names.imports_bucket()]},
                    "object": {"key": [{"anything-but": {"prefix": "reports/"}}]},
                },
            },
            targets=[
                events.CfnRule.TargetProperty(
                    id="imports",
                    arn=self.files.queue.queue_arn,
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=self.files.dead_letters.queue_arn),
                    retry_policy=events.CfnRule.RetryPolicyProperty(
                        maximum_event_age_in_seconds=int(cdk.Duration.days(1).to_seconds()),
                        maximum_retry_attempts=185,
                    ),
                )
            ],
        )
        taken.node.add_dependency(self.files)

"""Shop events: orders, members and points, from webhooks and from our bus, in one queue."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.canonical_events import CANONICAL_EVENTS
from infra.lib.grants import READ, REMOVE, WRITE
from infra.lib.python_function import PythonFunction
from infra.lib.queue_worker import WorkQueue, work_off
from infra.lib.queues import allow_service, make_last_stop
from infra.lib.site import Site


class ShopEvents(Construct):
    """Queue ``shop-events`` → ``shop_events``, and the rule that brings canonical events from the bus."""

    def __init__(
        self, scope: Construct, construct_id: str, *, site: Site, push: sqs.Queue, quarantine: sqs.Queue
    ) -> None:
        super().__init__(scope, construct_id)
        self.events = WorkQueue(self, "Events", site=site, name="shop-events", timeout_s=30, slo_s=300)
        grants = site.grants
        self.worker = PythonFunction(
            self,
            "ShopEvents",
            site=site,
            name="shop_events",
            timeout_s=30,
            memory_mb=512,
            environment={
                "PEOPLE_TABLE": site.names.of("people"),
                "WORK_TABLE": site.names.of("work"),
                "PUSH_QUEUE_URL": push.queue_url,
                "QUARANTINE_QUEUE_URL": quarantine.queue_url,
                "CLAIM_BUCKET": site.names.claims_bucket(),
                "SHOPS": ",".join(site.config.shops),
                "CLOCK": site.config.clock,
                "CONTENT_DIR": site.config.content_dir,
            },
            statements=[
                *grants.table("people", READ + WRITE + REMOVE),
                *grants.table("work", READ + WRITE + REMOVE),
                *grants.consume("shop-events"),
                *grants.send("push", "quarantine"),
                *grants.get_claims("shop-events"),
            ],
            content=True,
        )
        work_off(self.events, self.worker, site)
        self._take_from_bus(site)

    def _take_from_bus(self, site: Site) -> None:
        undelivered = make_last_stop(
            self,
            "BusDeadLetters",
            site=site,
            name="bus-dlq",
            why="The bus could not put an event into shop-events for a day. Its attributes name the error.",
        )
        rule = "shop-events-in"
        for queue in (self.events.queue, undelivered):
            allow_service(queue, "events", [site.names.rule_arn(rule)], sid="FromOurRule")
        taken = events.CfnRule(
            self,
            "In",
            name=site.names.of(rule),
            description="Canonical shop events, but not the facts that musubi itself puts on the bus",
            event_bus_name=site.names.prefix,
            event_pattern={
                "detail-type": list(CANONICAL_EVENTS),
                "source": [{"anything-but": ["musubi"]}],
            },
            targets=[
                events.CfnRule.TargetProperty(
                    id="shop-events",
                    arn=self.events.queue.queue_arn,
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=undelivered.queue_arn),
                    retry_policy=events.CfnRule.RetryPolicyProperty(
                        maximum_event_age_in_seconds=int(cdk.Duration.days(1).to_seconds()),
                        maximum_retry_attempts=185,
                    ),
                )
            ],
        )
        # Without the queue's permission in place a first event would go straight to the dead letters.
        taken.node.add_dependency(self.events)

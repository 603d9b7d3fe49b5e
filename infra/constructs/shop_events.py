"""Shop events: orders, members and points, from webhooks and from our bus, in one queue."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.config import FETCHED
from infra.lib.bus_rules import bus_rules
from infra.lib.grants import READ, REMOVE, WRITE
from infra.lib.python_function import PythonFunction
from infra.lib.queue_worker import WorkQueue, work_off
from infra.lib.queues import allow_service, make_last_stop
from infra.lib.site import Site


def pairs(values: Mapping[str, str]) -> str:
    """``name=value,…`` as the functions read it."""
    return ",".join(f"{name}={value}" for name, value in values.items())


def _api_grants(site: Site) -> list[iam.PolicyStatement]:
    """Allow asking the shops whose webhooks only name what changed, and renewing the OAuth grants for it."""
    keys = [f"shops/{name}-api" for name in site.config.shop_apis if name.partition("/")[2] in FETCHED]
    return [*site.grants.secrets(*keys), *site.grants.keep_secrets(*keys)] if keys else []


class ShopEvents(Construct):
    """Queue ``shop-events`` → ``shop_events``, and the rules that bring canonical events and Shopify's from their buses."""

    def __init__(
        self, scope: Construct, construct_id: str, *, site: Site, push: sqs.Queue, log: sqs.Queue, quarantine: sqs.Queue
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
                "LOG_QUEUE_URL": log.queue_url,
                "QUARANTINE_QUEUE_URL": quarantine.queue_url,
                "CLAIM_BUCKET": site.names.claims_bucket(),
                "PARAM_PREFIX": site.names.parameters,
                "SHOPS": ",".join(site.config.shops),
                "SHOP_HOSTS": ",".join(site.config.cart_hosts),
                "PARTNER_SOURCES": pairs(site.config.partner_sources),
                "SHOP_APIS": pairs(site.config.asked_apis),
                "ORDER_STATUSES": pairs(site.config.order_statuses),
                "CLOCK": site.config.clock,
                "CONTENT_DIR": site.config.content_dir,
            },
            statements=[
                *grants.table("people", READ + WRITE + REMOVE),
                *grants.table("work", READ + WRITE + REMOVE),
                *grants.consume("shop-events"),
                *grants.send("push", "log", "quarantine"),
                *grants.get_claims("shop-events"),
                *_api_grants(site),
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
        rules = bus_rules(site.config, site.names)
        for queue in (self.events.queue, undelivered):
            allow_service(
                queue, "events", [site.names.rule_arn(rule.name, rule.bus) for rule in rules], sid="FromOurRule"
            )
        for rule in rules:
            taken = events.CfnRule(
                self,
                rule.id,
                name=site.names.of(rule.name),
                description=rule.why,
                event_bus_name=rule.bus,
                event_pattern=rule.pattern,
                targets=[self._target(undelivered)],
            )
            # Without the queue's permission in place a first event would go straight to the dead letters.
            taken.node.add_dependency(self.events)

    def _target(self, undelivered: sqs.Queue) -> events.CfnRule.TargetProperty:
        return events.CfnRule.TargetProperty(
            id="shop-events",
            arn=self.events.queue.queue_arn,
            dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=undelivered.queue_arn),
            retry_policy=events.CfnRule.RetryPolicyProperty(
                maximum_event_age_in_seconds=int(cdk.Duration.days(1).to_seconds()),
                maximum_retry_attempts=185,
            ),
        )

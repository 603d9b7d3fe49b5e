"""Write-back: our own facts, from our bus into the shops that they are about."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.canonical_events import WRITTEN_BACK
from infra.config import GRANTED
from infra.constructs.shop_events import pairs
from infra.lib.grants import READ, WRITE
from infra.lib.python_function import PythonFunction
from infra.lib.queue_worker import WorkQueue, work_off
from infra.lib.queues import allow_service
from infra.lib.site import Site

NAME = "write-back"
RULE = "write-back-in"


class WriteBacks(Construct):
    """Rule → queue ``write-back`` → ``write_back`` → the shops' APIs.

    Queue and function are there without a shop too: what runs, rings and is listed is the same on every stage. Only the
    rule, and the rights to the shops' keys, follow from ``write_backs``.
    """

    def __init__(self, scope: Construct, construct_id: str, *, site: Site, quarantine: sqs.Queue) -> None:
        super().__init__(scope, construct_id)
        config, grants = site.config, site.grants
        backs = {name: back.asks(name.partition("/")[2]) for name, back in config.write_backs.items()}
        written = {name: url for name, url in config.shop_apis.items() if backs.get(name)}
        keys = [f"shops/{name}-api" for name in written]
        renewed = [f"shops/{name}-api" for name in written if name.partition("/")[2] in GRANTED]
        self.facts = WorkQueue(self, "Facts", site=site, name=NAME, timeout_s=30, slo_s=3600)
        self.worker = PythonFunction(
            self,
            "WriteBack",
            site=site,
            name="write_back",
            timeout_s=30,
            memory_mb=512,
            environment={
                "PEOPLE_TABLE": site.names.of("people"),
                "WORK_TABLE": site.names.of("work"),
                "QUARANTINE_QUEUE_URL": quarantine.queue_url,
                "PARAM_PREFIX": site.names.parameters,
                "GO_LIVE": str(config.go_live).lower(),
                "TESTERS": ",".join(config.testers),
                "SHOP_APIS": pairs(written),
                "LINKED_TAGS": pairs({n: b.linked_tag for n, b in config.write_backs.items() if "tags" in backs[n]}),
                "CONSENTS_BACK": ",".join(name for name, asked in backs.items() if "consent" in asked),
                "POINTS_BACK": ",".join(name for name, asked in backs.items() if "points" in asked),
            },
            statements=[
                *grants.table("people", READ + WRITE),
                *grants.table("work", READ + WRITE),
                *grants.consume(NAME),
                *grants.send("quarantine"),
                *(grants.secrets(*keys) if keys else ()),
                *(grants.keep_secrets(*renewed) if renewed else ()),
            ],
        )
        work_off(self.facts, self.worker, site)
        if written:
            self._take_facts(site)

    def _take_facts(self, site: Site) -> None:
        # What the bus can not put into the queue lies beside what the function could not do: redriven, it is the same.
        for queue in (self.facts.queue, self.facts.dead_letters):
            allow_service(queue, "events", [site.names.rule_arn(RULE)], sid="FromOurRule")
        target = events.CfnRule.TargetProperty(
            id=NAME,
            arn=self.facts.queue.queue_arn,
            dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=self.facts.dead_letters.queue_arn),
            retry_policy=events.CfnRule.RetryPolicyProperty(
                maximum_event_age_in_seconds=int(cdk.Duration.days(1).to_seconds()),
                maximum_retry_attempts=185,
            ),
        )
        taken = events.CfnRule(
            self,
            "In",
            name=site.names.of(RULE),
            description="Facts of musubi that are written back into shops",
            event_bus_name=site.names.prefix,
            event_pattern={"source": ["musubi"], "detail-type": list(WRITTEN_BACK)},
            targets=[target],
        )
        # Without the queue's permission in place a first fact would go straight to the dead letters.
        taken.node.add_dependency(self.facts)

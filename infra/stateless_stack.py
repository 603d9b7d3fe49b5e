"""The stack that holds the machinery. It can be deleted and deployed again: all that is lost is what waits in its queues
(planned Sends are queued anew by the sweeper) and its logs."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.config import StageConfig
from infra.constructs.alerts import Alerts
from infra.constructs.api import Api
from infra.constructs.conversations import Conversations
from infra.constructs.delivery import Delivery
from infra.constructs.facts import Facts
from infra.constructs.history import History
from infra.constructs.imports import Imports
from infra.constructs.ingress import Ingress
from infra.constructs.operations import Operations
from infra.constructs.polls import Polls
from infra.constructs.privacy import Privacy
from infra.constructs.shop_events import ShopEvents
from infra.constructs.timers import Timers
from infra.constructs.write_backs import WriteBacks
from infra.lib.alarm_desk import AlarmDesk
from infra.lib.grants import Grants
from infra.lib.queues import allow_service, make_last_stop
from infra.lib.schedule import Clockwork
from infra.lib.site import Site, build_layers
from infra.names import Names


class StatelessStack(cdk.Stack):
    """Composes the constructs; the only file that knows all of them."""

    def __init__(
        self, scope: Construct, construct_id: str, *, config: StageConfig, synthesizer: cdk.IStackSynthesizer
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            synthesizer=synthesizer,
            termination_protection=config.termination_protection,
            description=f"musubi {config.stage}: functions, queues, schedules, API",
        )
        self.site = site = self._site(config)
        quarantine = make_last_stop(
            self,
            "Quarantine",
            site=self.site,
            name="quarantine",
            why="A record can never succeed as it is. Its raw body and the reason are in the queue.",
        )
        history = History(self, "History", site=site, quarantine=quarantine)
        log = history.log.queue
        delivery = Delivery(self, "Delivery", site=self.site, log=log, quarantine_url=quarantine.queue_url)
        push = delivery.push.queue
        conversations = Conversations(self, "Conversations", site=site, push=push, log=log, quarantine=quarantine)
        shop_events = ShopEvents(self, "ShopEvents", site=site, push=push, log=log, quarantine=quarantine)
        failures, clockwork = self._clockwork()
        timers = Timers(
            self, "Timers", site=site, push=push, quarantine=quarantine, clockwork=clockwork, failures=failures
        )
        alerts = Alerts(self, "Alerts", site=site, quarantine=quarantine, clockwork=clockwork, failures=failures)
        polls = Polls(
            self,
            "Polls",
            site=site,
            clockwork=clockwork,
            failures=failures,
            shop_events=shop_events.events.queue,
        )
        privacy = Privacy(self, "Privacy", site=site, clockwork=clockwork, failures=failures)
        Facts(self, "Facts", site=site)
        writes = WriteBacks(self, "WriteBacks", site=site, quarantine=quarantine)
        imports = Imports(self, "Imports", site=site, shop_events=shop_events.events.queue, quarantine=quarantine)
        ingress = Ingress(
            self,
            "Ingress",
            site=self.site,
            line_events=conversations.events.queue,
            shop_events=shop_events.events.queue,
        )
        api = Api(self, "Api", site=self.site, ingress=ingress)
        for named in (conversations.worker, delivery.sender, ingress.shop_webhook):
            named.function.add_environment("PUBLIC_URL", config.public_url or api.url())
        Operations(
            self,
            "Operations",
            site=self.site,
            functions=[
                ingress.line_webhook,
                ingress.shop_webhook,
                conversations.worker,
                shop_events.worker,
                delivery.sender,
                timers.due_steps,
                timers.sweeper,
                alerts.daily,
                alerts.shard,
                polls.worker,
                history.writer,
                imports.worker,
                privacy.worker,
                writes.worker,
                api.worker,
            ],
            queues=[
                conversations.events,
                shop_events.events,
                delivery.push,
                alerts.shards,
                history.log,
                imports.files,
                writes.facts,
            ],
        )
        cdk.CfnOutput(self, "ApiUrl", value=api.url(), description="Webhook base: LINE's is <ApiUrl>/line/webhook")
        cdk.CfnOutput(self, "ApiId", value=api.http.api_id)

    def _site(self, config: StageConfig) -> Site:
        names = Names(config.stage)
        key = None
        if config.customer_managed_key:
            arn = ssm.StringParameter.value_for_string_parameter(self, names.key_parameter)
            key = kms.Key.from_key_arn(self, "Key", arn)
        return Site(
            config=config,
            names=names,
            grants=Grants(names, key.key_arn if key else None),
            layers=build_layers(self, config, names),
            desk=AlarmDesk(self, "Alarms", config=config, names=names, key=key),
            key=key,
        )

    def _clockwork(self) -> tuple[sqs.Queue, Clockwork]:
        failures = make_last_stop(
            self,
            "ScheduleFailures",
            site=self.site,
            name="schedules-dlq",
            why="A scheduled run failed for good. The daily run is caught up every 15 minutes; look at its error.",
        )
        allow_service(failures, "scheduler", [self.site.names.schedule_arns()], sid="FromOurSchedules")
        return failures, Clockwork(self, "Clockwork", site=self.site, failures=failures)

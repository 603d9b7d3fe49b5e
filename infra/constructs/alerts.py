"""Alerts: the daily runs over date indexes (birthdays, expiring points), shard by shard."""

from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.lib.grants import QUERY, READ, WRITE
from infra.lib.python_function import PythonFunction
from infra.lib.queue_worker import WorkQueue, work_off
from infra.lib.schedule import Beat, Clockwork
from infra.lib.site import Site


class Alerts(Construct):
    """06:00 in Tokyo → ``daily_alerts`` → queue ``alert-shards`` → ``alert_shard``."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        site: Site,
        clockwork: Clockwork,
        failures: sqs.Queue,
        quarantine: sqs.Queue,
    ) -> None:
        super().__init__(scope, construct_id)
        self._site = site
        self.shards = WorkQueue(self, "Shards", site=site, name="alert-shards", timeout_s=60, slo_s=900)
        self.daily = PythonFunction(
            self,
            "DailyAlerts",
            site=site,
            name="daily_alerts",
            timeout_s=30,
            memory_mb=512,
            environment={
                "WORK_TABLE": site.names.of("work"),
                "ALERT_SHARDS_QUEUE_URL": self.shards.queue.queue_url,
                "CLOCK": site.config.clock,
            },
            statements=[
                *site.grants.table("work", READ + QUERY + WRITE),
                *site.grants.send("alert-shards"),
                *site.grants.put_aside("schedules-dlq"),
            ],
            failures=failures,
            retries=2,
        )
        clockwork.fire(
            self.daily,
            Beat("daily", "cron(0 6 * * ? *)", attempts=10, max_age_s=3600),
            # Only a run that is marked done counts: a daily run that was lost, late or cut short is caught up.
            Beat("catch-up", "rate(15 minutes)", attempts=2, max_age_s=900),
        )
        self.shard = self._shard(quarantine)
        work_off(self.shards, self.shard, site)

    def _shard(self, quarantine: sqs.Queue) -> PythonFunction:
        site = self._site
        return PythonFunction(
            self,
            "AlertShard",
            site=site,
            name="alert_shard",
            timeout_s=60,
            memory_mb=512,
            environment={
                "PEOPLE_TABLE": site.names.of("people"),
                "WORK_TABLE": site.names.of("work"),
                "QUARANTINE_QUEUE_URL": quarantine.queue_url,
                "CLOCK": site.config.clock,
                "CONTENT_DIR": site.config.content_dir,
            },
            statements=[
                *site.grants.indexes("people", "dates"),
                *site.grants.table("work", READ + QUERY + WRITE),
                *site.grants.consume("alert-shards"),
                *site.grants.send("quarantine"),
            ],
            content=True,
        )

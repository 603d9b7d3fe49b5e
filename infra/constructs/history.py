"""History: what happened, line by line, from a queue into a bucket that keeps it for years."""

from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.lib.grants import READ, WRITE
from infra.lib.python_function import PythonFunction
from infra.lib.queue_worker import WorkQueue, work_off
from infra.lib.site import Site

BATCH = 500
WINDOW_S = 30
"""Nobody waits for the history, and every object that is written is paid for: lines are collected for half a minute."""


class History(Construct):
    """Queue ``log`` → ``log_writer`` → bucket ``history``."""

    def __init__(self, scope: Construct, construct_id: str, *, site: Site, quarantine: sqs.Queue) -> None:
        super().__init__(scope, construct_id)
        self.log = WorkQueue(self, "Log", site=site, name="log", timeout_s=60, slo_s=900)
        grants = site.grants
        self.writer = PythonFunction(
            self,
            "LogWriter",
            site=site,
            name="log_writer",
            timeout_s=60,
            memory_mb=512,
            environment={
                "WORK_TABLE": site.names.of("work"),
                "QUARANTINE_QUEUE_URL": quarantine.queue_url,
                "HISTORY_BUCKET": site.names.history_bucket(),
            },
            statements=[
                *grants.table("work", READ + WRITE),
                *grants.consume("log"),
                *grants.send("quarantine"),
                *grants.write_history(),
            ],
        )
        work_off(self.log, self.writer, site, batch=BATCH, window_s=WINDOW_S)

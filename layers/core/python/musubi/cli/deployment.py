"""Which deployment a command talks to, and the adapters to it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from musubi.adapters.clock import RealClock
from musubi.adapters.dynamo.person_rows import DynamoPersonRows
from musubi.adapters.dynamo.store import DynamoStore

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

QUEUES = ("line-events", "shop-events", "push", "alert-shards", "log", "imports", "write-back")
LONE_DLQS = ("schedules-dlq", "bus-dlq", "facts-dlq", "quarantine")
REGION = "ap-northeast-1"
_LONGEST_CALL_S = 320


class UnknownDeployment(Exception):
    """Neither a stage nor a running local stack was named; the message says how to name one."""


@dataclass(frozen=True)
class Deployment:
    """One deployed stage: its names follow from the stage, its clients from the environment's credentials."""

    stage: str
    shop_id: str
    endpoint: str | None = None
    region: str | None = None
    """None: the region of the caller's credentials, else Tokyo."""

    def name(self, what: str) -> str:
        """The physical name of a table or queue."""
        return f"musubi-{self.stage}-{what}"

    def store(self) -> DynamoStore:
        client = self._session().client("dynamodb", endpoint_url=self.endpoint)
        return DynamoStore(client, people_table=self.name("people"), work_table=self.name("work"))

    def rows(self) -> DynamoPersonRows:
        client = self._session().client("dynamodb", endpoint_url=self.endpoint)
        return DynamoPersonRows(client, people_table=self.name("people"), work_table=self.name("work"))

    def s3(self) -> S3Client:
        return self._session().client("s3", endpoint_url=self.endpoint)

    def sqs(self) -> SQSClient:
        return self._session().client("sqs", endpoint_url=self.endpoint)

    def events(self) -> EventBridgeClient:
        return self._session().client("events", endpoint_url=self.endpoint)

    @property
    def bus(self) -> str:
        """The physical name of the deployment's bus."""
        return f"musubi-{self.stage}"

    def bucket(self, what: str) -> str:
        """The physical name of a bucket, which account and region keep unique in the world."""
        session = self._session()
        account = session.client("sts", endpoint_url=self.endpoint).get_caller_identity()["Account"]
        return f"{self.name(what)}-{account}-{session.region_name}"

    def lambdas(self) -> LambdaClient:
        """Calls wait as long as the longest function may run, and are not repeated."""
        from botocore.config import Config

        patient = Config(read_timeout=_LONGEST_CALL_S, retries={"total_max_attempts": 1})
        return self._session().client("lambda", endpoint_url=self.endpoint, config=patient)

    def clock(self) -> RealClock:
        """Operators' commands are stamped with machine time on every stage."""
        return RealClock()

    def _session(self) -> boto3.Session:
        import boto3

        if self.endpoint is None:
            session = boto3.Session(region_name=self.region)
            return session if session.region_name else boto3.Session(region_name=REGION)
        return boto3.Session("test", "test", region_name=self.region)  # what the embedded AWS takes


def find(stage: str | None, local: bool) -> Deployment:
    """The deployment that the options name; UnknownDeployment with advice otherwise."""
    if local == bool(stage):
        raise UnknownDeployment("name the deployment: --stage dev|stg|prod, or --local for the stack of `make up`")
    if stage:
        return Deployment(stage, os.environ.get("MUSUBI_SHOP_ID", "main"), region=os.environ.get("AWS_REGION"))
    path = Path(os.environ.get("MUSUBI_LOCAL_DIR", ".local")) / "endpoints.json"
    if not path.exists():
        raise UnknownDeployment(f"no local stack is up ({path} is missing): run `make up` first")
    endpoints = json.loads(path.read_text())
    return Deployment("local", endpoints["shop_id"], endpoints["aws"], endpoints["region"])

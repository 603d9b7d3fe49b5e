"""Clients of the embedded AWS, signed as its root user.

The runner is the operator, the functions wear their roles.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from local.endpoints import Endpoints
from local.stack.settings import DEPLOYMENT, REGION

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient


class Aws:
    """The embedded AWS at one address. Clients are made when first used and kept."""

    def __init__(self, url: str, region: str = REGION) -> None:
        self.url = url
        self._session = boto3.Session("test", "test", region_name=region)
        self._queues: dict[str, str] = {}

    @classmethod
    def of(cls, endpoints: Endpoints) -> Aws:
        """The AWS of a running stack."""
        return cls(endpoints.aws, endpoints.region)

    def _client(self, service: Any, read_timeout_s: int = 30) -> Any:
        config = Config(
            connect_timeout=2,
            read_timeout=read_timeout_s,
            retries={"total_max_attempts": 2},
            s3={"addressing_style": "path"},
        )
        return self._session.client(service, endpoint_url=self.url, config=config)

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        client: CloudFormationClient = self._client("cloudformation")
        return client

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        client: DynamoDBClient = self._client("dynamodb")
        return client

    @cached_property
    def events(self) -> EventBridgeClient:
        client: EventBridgeClient = self._client("events")
        return client

    @cached_property
    def functions(self) -> LambdaClient:
        # Longer than the longest timeout of a scheduled function, or a slow run would be asked for twice.
        client: LambdaClient = self._client("lambda", read_timeout_s=120)
        return client

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        client: CloudWatchLogsClient = self._client("logs")
        return client

    @cached_property
    def s3(self) -> S3Client:
        client: S3Client = self._client("s3", read_timeout_s=120)
        return client

    @cached_property
    def sqs(self) -> SQSClient:
        client: SQSClient = self._client("sqs")
        return client

    @cached_property
    def ssm(self) -> SSMClient:
        client: SSMClient = self._client("ssm")
        return client

    def queue_url(self, name: str) -> str:
        """Address of one of our queues by its short name (`push`, `push-dlq`)."""
        if name not in self._queues:
            self._queues[name] = self.sqs.get_queue_url(QueueName=f"{DEPLOYMENT}-{name}")["QueueUrl"]
        return self._queues[name]

"""The yardstick: a door that does nothing but enqueue. No signature, no secret, no splitting, no metric."""

import os
from typing import Any

import boto3

sqs = boto3.client("sqs")


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    sqs.send_message(QueueUrl=os.environ["LINE_EVENTS_QUEUE_URL"], MessageBody=event["body"])
    return {"statusCode": 200, "body": "{}"}

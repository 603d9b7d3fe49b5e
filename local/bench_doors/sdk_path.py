"""The way of the SDK's own examples: WebhookParser checks and models the body, boto3 enqueues each event.

Its secret is a plain environment variable, which spares it the call to a secret store.
"""

import os
from typing import Any

import boto3
from linebot.v3 import WebhookParser

sqs = boto3.client("sqs")
parser: Any = WebhookParser(os.environ["BENCH_CHANNEL_SECRET"])


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    for one in parser.parse(event["body"], event["headers"]["x-line-signature"]):
        sqs.send_message(QueueUrl=os.environ["LINE_EVENTS_QUEUE_URL"], MessageBody=one.to_json())
    return {"statusCode": 200, "body": "{}"}

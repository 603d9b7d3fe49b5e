"""The ports, filled in: DynamoDB, SQS, EventBridge, S3, SSM and LINE, and memory twins held to the same specs."""

"""POST /line/webhook: verify LINE's signature, put each event on the queue line-events, answer."""

from musubi.runtime import bootstrap

lambda_handler = bootstrap.line_webhook()

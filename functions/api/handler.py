"""GET /healthz, GET /v1/openapi.json, POST /v1/link/nonces (web/api.py)."""

from musubi.runtime import bootstrap, entry

lambda_handler = entry.http_api(bootstrap.api())

"""The `musubi` command line: what support and operators ask a deployment. Not part of the Lambda layer."""

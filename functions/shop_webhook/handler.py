"""POST /shops/{shop_id}/{platform}: verify the shop's signature, put each event on the queue shop-events, answer."""

from musubi.runtime import bootstrap

lambda_handler = bootstrap.shop_webhook()

"""Where everything is put together: settings, the composition root, and the one place with Powertools.

Empty on purpose: the webhook doors import `musubi.runtime.bootstrap` and must not pay for what workers need.
"""

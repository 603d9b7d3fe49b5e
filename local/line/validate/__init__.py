"""Checks of message objects (line-platform.md §2.9), shared by every send and validate/* call."""

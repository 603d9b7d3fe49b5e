"""The demo shop 結び商店: an independent little store that speaks real webhook formats.

It stands for somebody else's system, so it imports nothing of `musubi` and reaches it only over HTTP and the event bus.
"""

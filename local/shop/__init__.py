"""The demo shop 結び商店: an independent little store that speaks real webhook formats.

It stands for somebody else's system: it imports nothing of `musubi` and reaches it over HTTP and the bus.
"""

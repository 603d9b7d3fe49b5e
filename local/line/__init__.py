"""A strict stand-in for the LINE platform, for one machine only.

The core (state and rules) is plain Python over values with an injected clock; `edge.py` puts it on three ports.
It imports nothing of the product, so it can serve as an independent witness of what LINE was asked to do.
"""

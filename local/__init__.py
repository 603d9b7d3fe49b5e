"""The whole system on one machine: embedded AWS, a LINE simulator and a demo shop."""

"""Webhook doors that `local/bench_answer.py` compares with ours, and the process that each of them is run in."""

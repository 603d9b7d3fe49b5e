"""Pydantic models of everything that crosses a wire, and how they become the domain's words.

A reader here raises `Permanent` for what can never be read and nothing else; reasons name fields, never their values,
because they are logged.
"""

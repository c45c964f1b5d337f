"""Idempotency keys of requests that change something."""

from __future__ import annotations

import os


def new_key() -> str:
    """An idempotency key that no other request has."""
    return os.urandom(16).hex()

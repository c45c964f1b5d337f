"""Processes that decode: their tasks, what they do, and the pool that runs them."""

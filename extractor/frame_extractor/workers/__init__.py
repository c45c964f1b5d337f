"""Processes that decode: what they are given, what they do, and who keeps them."""

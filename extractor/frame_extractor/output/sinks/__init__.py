"""Sinks turn pictures into files."""

"""Telling people what has happened: a command of theirs, and the desktop."""

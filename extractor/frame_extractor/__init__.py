"""Extracts still frames from films. Knows nothing of the daemon that may have started it."""

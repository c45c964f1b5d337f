"""`framectl`: the commands people type while the daemon runs. Thin, quick to start, and never in the daemon's way."""

"""Pure data: what the daemon knows, as frozen types."""

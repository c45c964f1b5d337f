"""`framed demo`."""

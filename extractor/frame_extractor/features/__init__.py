"""What is kept of every sample: all that detectors, transitions and selection decide by."""

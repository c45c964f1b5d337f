"""One attempt at an output folder: everything around the pipeline."""

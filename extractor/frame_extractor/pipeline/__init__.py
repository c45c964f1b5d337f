"""From a film to its images, stage after stage."""

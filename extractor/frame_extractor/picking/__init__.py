"""From pictures to shots, and to the frames that are wanted."""

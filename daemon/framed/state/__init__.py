"""What must survive: jobs and verdicts, in memory and on the disk."""

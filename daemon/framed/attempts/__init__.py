"""From waiting jobs to attempts that run, and to what follows from their outcomes."""

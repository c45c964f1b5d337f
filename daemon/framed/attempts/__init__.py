"""From waiting jobs to attempts that run, and to what came of them."""

"""Decisions as pure functions: nothing here awaits, sleeps, reads a clock or touches a file. `now` is an argument."""

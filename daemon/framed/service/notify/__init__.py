"""Notifications for people: by a command of theirs, and on the desktop."""

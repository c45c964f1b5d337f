"""The systemd units as templates: @NAME@ is filled in, `#system ` begins a line of the system's variant only."""

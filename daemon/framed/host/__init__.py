"""The resources of the machine, and how much of them is free."""

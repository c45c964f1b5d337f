"""Pictures of framed for its documents, made of what really runs: `make picture`."""

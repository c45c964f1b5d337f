"""The control protocol: its messages, verbs, wire format and schema, for the daemon and its clients alike."""

"""The control protocol: JSON-RPC 2.0 lines on a Unix socket."""

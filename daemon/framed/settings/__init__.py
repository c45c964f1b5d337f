"""Settings files in, frozen structs out."""

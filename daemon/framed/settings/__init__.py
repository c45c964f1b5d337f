"""What framed is told: settings files in, frozen structs out."""

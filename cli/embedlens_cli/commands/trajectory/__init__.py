"""The command `trajectory`."""

"""The command `spectrum`."""

"""The command `identify`."""

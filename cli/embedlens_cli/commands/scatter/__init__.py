"""The command `scatter`."""

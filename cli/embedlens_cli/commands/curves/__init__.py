"""The command `curves`."""

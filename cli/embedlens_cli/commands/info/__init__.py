"""The command `info`."""

"""The command `sampling`."""

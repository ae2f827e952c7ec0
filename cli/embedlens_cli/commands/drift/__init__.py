"""The command `drift`."""

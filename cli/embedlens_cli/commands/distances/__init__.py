"""The command `distances`."""

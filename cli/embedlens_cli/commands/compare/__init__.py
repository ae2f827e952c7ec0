"""The command `compare`: losses alone and under methods."""

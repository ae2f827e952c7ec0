"""The command line of embedlens: each command selects, analyses, draws and saves."""

"""Captions of figures: what is drawn, of which runs, splits, epochs and number of items, in plain text."""

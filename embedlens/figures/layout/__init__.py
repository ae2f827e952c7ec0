"""Where text goes in a figure: legends below all axes, numbers along paths."""

"""Layout of figures: legends, titles, statistics, limits and ticks."""

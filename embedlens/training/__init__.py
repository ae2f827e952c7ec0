"""The built-in trainer: data sets, backbones, samplers, methods, and one loop that knows none by name."""

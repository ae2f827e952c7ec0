"""The command `diff`: what one run retrieves and another does not."""

"""Animations as GIF and MP4."""

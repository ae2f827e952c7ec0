"""Animations: frames drawn on one canvas, and written as GIF and MP4."""

"""What makes animations fast: stamped dots, a film drawn on one canvas, an encoder of GIF."""

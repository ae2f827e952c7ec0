"""What makes animations fast: stamped dots, and frames drawn on one canvas."""

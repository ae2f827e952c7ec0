"""The command `pca-prune`."""

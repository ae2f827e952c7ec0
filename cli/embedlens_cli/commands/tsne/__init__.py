"""The command `tsne`."""

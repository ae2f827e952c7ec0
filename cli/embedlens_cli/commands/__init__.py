"""The commands, each in a file or folder named as it is typed."""

"""What commands share: options, the selection of snapshots, and the report of what was found."""

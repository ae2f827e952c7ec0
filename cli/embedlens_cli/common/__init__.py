"""Options, the selection of snapshots, and reports, which commands share."""

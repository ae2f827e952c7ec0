"""Writers of exports, one module per format; each imports its library when it writes."""

"""Every loss of the package, on a photograph, on each backend that is installed."""

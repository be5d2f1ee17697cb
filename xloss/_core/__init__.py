"""What the losses share, and the only place that may know a backend's name."""

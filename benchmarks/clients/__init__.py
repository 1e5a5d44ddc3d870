"""Clients that read the same stamped streams, each as its users would write it."""

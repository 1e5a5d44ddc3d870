"""Clients that read the same stamped streams, each in the style of its documentation."""

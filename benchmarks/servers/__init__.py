"""The same work for each server, in the style of its documentation."""

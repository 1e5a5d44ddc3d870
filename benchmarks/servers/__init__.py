"""The same work, written for each server as its own manual would write it."""

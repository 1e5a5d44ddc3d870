"""Bytes to values and back: pure functions and small machines that never wait."""

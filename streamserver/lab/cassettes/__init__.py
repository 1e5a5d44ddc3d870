"""Cassettes: exchanges recorded by the relay and replayed by the target."""

"""Cassettes: exchanges with an upstream, recorded by a relay and played by a target."""

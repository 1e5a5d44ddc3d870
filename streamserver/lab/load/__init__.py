"""Many requests: how many at once, and when each is sent."""

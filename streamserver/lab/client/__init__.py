"""The client: one request, and when each thing that came back was there."""

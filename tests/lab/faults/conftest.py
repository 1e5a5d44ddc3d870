"""A target that breaks as each request asks, on either loop."""

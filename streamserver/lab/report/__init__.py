"""What many requests come to, and how that is told."""

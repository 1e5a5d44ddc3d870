"""The target: endpoints that stream on command, and tell how well they kept to it."""

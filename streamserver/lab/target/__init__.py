"""The target: endpoints that stream as each request says, and report how late they were."""

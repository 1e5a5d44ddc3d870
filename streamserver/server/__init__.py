"""The engine: connections, exchanges, deadlines, listeners and workers."""

"""Serving in one process or several: signals, TLS, logs; what `run` and the command line share."""

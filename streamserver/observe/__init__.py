"""The access log, the metrics, and the probes that machines request."""

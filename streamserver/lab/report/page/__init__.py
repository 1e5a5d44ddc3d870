"""A report as one page of HTML without scripts and external resources: it can be kept and sent."""

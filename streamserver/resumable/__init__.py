"""Answers that survive their reader: the upstream's events go into a log, which readers follow."""

"""Summaries of many exchanges, their verdicts, and the forms of a report."""

"""The lab: a target that streams on command, a client that measures, and the proof of both."""

"""The relay: an upstream's answer, passed on as it arrives."""

"""Load: when exchanges begin, over which processes, and their figures."""

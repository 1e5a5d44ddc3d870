"""Real set-ups whose streams an inspection judges: servers and relays, healthy and faulty."""

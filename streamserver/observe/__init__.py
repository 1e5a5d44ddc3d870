"""What happened, told once per exchange, when it ends."""

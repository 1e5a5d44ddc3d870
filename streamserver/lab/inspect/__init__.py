"""The inspector: it records responses and judges how they stream."""

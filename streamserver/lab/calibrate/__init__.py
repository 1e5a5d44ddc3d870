"""The client against our own target: up to which load its figures hold on this machine."""

"""The client: sends requests, and records when each part of their responses arrived."""

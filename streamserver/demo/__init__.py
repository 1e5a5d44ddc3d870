"""The lesson: an endpoint for each way in which an answer can take its time."""

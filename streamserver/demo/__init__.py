"""The demo: one endpoint for each way to stream a response, and a page that shows them."""

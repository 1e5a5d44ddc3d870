"""What a handler uses: requests, responses, streams, events, files, routes."""

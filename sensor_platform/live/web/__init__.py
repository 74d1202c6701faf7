"""Page, WebSocket, API: HTTP and who may do what."""

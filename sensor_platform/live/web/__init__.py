"""Page, WebSocket and API over HTTP, with access control."""

"""Channels: news leaves by mail and webhook, with a delivery log and acknowledgements that prove who clicked."""

"""Despatch labels: the one template that can print a person (ES-5). Values in, bytes out; rendered in memory."""

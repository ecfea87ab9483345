"""The wall: whether every promise is true now, to people and to machines."""

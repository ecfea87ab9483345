"""What we claim of speed, measured on a running rehearsal filled with rows: ratios within one run."""

from strongroom.rehearsal.benches import wall

__all__ = ["wall"]

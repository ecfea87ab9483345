"""What we claim of speed, measured in houses that are made for it: ratios within one run, ours and others' in turn."""

from strongroom.rehearsal.benches import (
    figures,
    forget,
    house,
    journal,
    pages,
    receipt,
    reveal,
    scan,
    seal,
    search,
    wall,
)

__all__ = ["figures", "forget", "house", "journal", "pages", "receipt", "reveal", "scan", "seal", "search", "wall"]

"""What we claim of speed, measured in houses that are made for it: ratios within one run, ours and others' in turn."""

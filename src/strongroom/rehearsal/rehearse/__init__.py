"""`strongroom rehearse`: years of a business from one seed, through the real processes, with faults (DESIGN 10).

`plan` says what happens when, `faults` makes it go wrong, `seen` reads what is there after each step, `invariants` has
it judged (`judges`), `sometimes` says what must have happened at all, `story` lives through it, `report` tells.
"""

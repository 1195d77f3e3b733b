"""Side-by-side measurements against peers: they print ratios and never fail because of a slow machine."""

"""How well framed finds shots and chooses frames, against what was seen by eye: see docs/accuracy.md."""

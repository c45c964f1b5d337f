"""From features to cuts: one rule in each module, and `registry` knows them all."""

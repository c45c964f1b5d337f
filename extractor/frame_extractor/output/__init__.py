"""From pictures to files, and what is written about them."""

"""What the extractor and whoever starts it agree on; both sides import it, one module for each idea.

Imports nothing heavier than msgspec: framectl imports it too, and decodes no film.
"""

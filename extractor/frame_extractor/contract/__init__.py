"""What the extractor and the program that starts it agree on; both import it. One module for each idea.

Imports nothing heavier than msgspec: framectl imports it too, and decodes no film.
"""

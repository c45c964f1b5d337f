"""The daemon: watches for films, supervises extractors, answers on a socket."""

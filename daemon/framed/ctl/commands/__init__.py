"""The commands of `framectl`, a file each, as the verbs of the protocol have in `framed.control.verbs`."""

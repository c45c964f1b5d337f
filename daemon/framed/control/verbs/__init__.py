"""What each verb does: a file for each, or for a verb and its opposite. None imports another."""

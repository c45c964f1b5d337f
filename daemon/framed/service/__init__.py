"""What an unattended service needs around it."""

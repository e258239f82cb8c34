"""What tools show: tables and pictures."""

"""What runs queries. `duck` is the session; `scan` writes the SELECT over published files."""

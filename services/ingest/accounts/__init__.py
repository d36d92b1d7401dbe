"""Users: logins, tokens, API keys, passwords, and the mails about them."""

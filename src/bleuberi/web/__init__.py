"""Servers that a user names: addresses, requests whose replies are bounded in bytes and time, and when to ask again.

- `address.py`: refuse what is not a web address
- `client.py`: one address, JSON in, a bounded reply out
- `jobs.py`: many requests at once on a thread of their own, which a stop does not wait for
- `patience.py`: delays, Retry-After, one pause for all requests
"""

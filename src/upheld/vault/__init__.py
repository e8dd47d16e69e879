"""The vault: personal values at rest, each sealed under a key of its person.

envelope.py seals and opens bytes; keyring.py keeps the keys that seal all others, in one file
outside the database. Both know nothing of tables, policies or people.
"""

"""The ledger: an append-only log of acts that nobody can rewrite unnoticed.

A Merkle tree as in RFC 6962 over salted commitments, signed checkpoints and static tiles as C2SP
specifies them. Nothing here knows a database: whoever has the tiles and a public key can verify.
"""

"""What proves the facts that a decision rests on: records, provers, fields made of others."""

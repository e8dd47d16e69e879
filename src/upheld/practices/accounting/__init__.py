"""Who received what, on which clause and record: for the privacy desk, and for each company."""

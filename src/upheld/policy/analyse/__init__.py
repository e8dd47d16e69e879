"""Everything a policy can ever do, exactly: over all requests and all ways facts can turn out."""

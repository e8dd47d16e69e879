"""What every page and endpoint shares: headers, fixed answers, errors."""

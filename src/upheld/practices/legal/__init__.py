"""The legal desk: what courts and authorities demand, checked by two people, and its release."""

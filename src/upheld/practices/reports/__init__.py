"""Reports that are anonymous in fact: counts with noise, within a privacy budget that runs out."""

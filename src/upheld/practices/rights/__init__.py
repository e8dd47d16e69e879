"""Rights: what is held about me, what was done with it, what I chose, and what I ask for."""

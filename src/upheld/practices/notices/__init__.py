"""The policy as customers read it: the page, its answers, the files beside it."""

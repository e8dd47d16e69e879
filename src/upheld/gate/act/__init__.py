"""One act: what is asked, what is read for it, the decision, and the duties that it carries out."""

"""Help: what customers write to us when something does not work, and what our staff answer."""

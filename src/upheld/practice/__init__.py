"""What practices share: this package, and nothing else.

A practice is a folder under `practices` named for its paragraph of the policy. It is made once, by
`practice(provider)`, and brings routes, cards of the portal and the console, destinations of the
sign-in, provers, carriers of duties, derived fields, jobs and listeners. What one practice needs of
another goes through the gate, or through what stands here: tasks, messages to be sent, events.
"""

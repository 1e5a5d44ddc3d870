"""A model of cost: the times that a simulated inference engine would need.

    profile.Profile -> engine.Engine -> simulation.EnginePace

``capacity`` has the same in closed form, and ``routes`` shows it at ``GET /lab/profile``.
"""

"""The ladder: nine programs, each one file that runs by itself and imports only asyncio and h11.

Each step opens with what it adds, which failure of the step before it mends, one command that shows
this, and where the engine does the same. `python -m streamserver learn` lists them.
"""

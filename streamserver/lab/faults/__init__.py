"""Faults on command: filters around the body of any handler, and a wrapper by which clients ask.

``filters`` has them one by one, ``asked`` what a client may write, ``faulty`` brings them together.
"""

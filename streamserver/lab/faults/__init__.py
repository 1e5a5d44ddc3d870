"""Fault injection: responses that break as their requests ask.

``grammar`` reads faults, ``filters`` has each fault, ``injection`` puts them into a response.
"""

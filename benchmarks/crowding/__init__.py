"""The participants of the measure `crowd`: many streams of one feed, and what they cost.

`transcript` checks what a stream receives, `streams` opens them in one process and reads them,
`clients` are several such processes, and `publisher` publishes an event a second. `figures` are
made from the `reports` of the clients, and `costs` from the `accounts` of all processes.
"""

"""The relays that are compared, each in the style of its documentation, and as cheap as possible.

They relay only requests without a body, and so do less than a whole proxy, to their advantage. All
reuse connections to the upstream without a limit on their number, buffer nothing, remove the fields
that would make a response wrong, and end the upstream's stream when the client leaves.
"""

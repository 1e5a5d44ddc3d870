"""The relays that are compared, each as its manual writes one, and as cheap as it allows.

They relay what is measured and no more: requests without a body. So each of them does less than a
whole proxy would, to its advantage. What they have in common: connections to the upstream are kept
and used again, no number of them is a limit, nothing is buffered, no header is left behind that
would make a response wrong, a client that leaves ends the upstream's stream.
"""

"""Two URLs side by side: which is slower, by how much, and how sure one may be."""

"""Several URLs measured side by side: what each adds to the first."""

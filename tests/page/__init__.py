"""A package, so that what its tests share, the browser, goes when the last of them is done."""

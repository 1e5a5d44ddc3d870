"""A sweep: measurements at rising loads, up to the highest that meets the objectives."""

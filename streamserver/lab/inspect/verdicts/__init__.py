"""The verdicts: one file for each subject, functions from evidence to verdict."""

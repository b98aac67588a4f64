"""The command line: parse, call, print. What it does stands in flows and vmpool."""

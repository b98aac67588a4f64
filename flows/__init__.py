"""The stories: one flow a file, and file, function and flow bear one name."""

"""A job type for benchmarks: its steps take their time, fail now and then, or always."""

"""Speed, as ratios against the same work without us, measured in the same run: `make bench`."""

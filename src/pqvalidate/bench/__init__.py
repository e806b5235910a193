"""Speed of implementations beside each other: interleaved in one run, as ratios with intervals."""

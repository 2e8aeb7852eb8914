"""The synthetic sky: galaxies, the surveys that see them, and the volunteers who look at them."""

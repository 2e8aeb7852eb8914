"""Learn representations of galaxy images, compare how they were learned, and put them to work."""

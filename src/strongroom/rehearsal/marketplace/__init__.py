"""The simulated marketplace: a real HTTPS server that behaves as Amazon's published models say, on a movable clock."""

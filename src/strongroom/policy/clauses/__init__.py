"""The promises and their numbers as dated data; a number of the policy is never a constant in code."""

"""The Application of the policy's Definitions: what happens to an order, from Amazon's answer to its end."""

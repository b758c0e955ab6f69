import HoldfastCore



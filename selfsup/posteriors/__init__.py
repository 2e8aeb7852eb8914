"""What a crowd would answer, by several networks: mixtures of Dirichlet-multinomials, and how true they are."""

"""The cache: each tenant's answers, exact, then semantic and verified, else a miss that hands the embedding on."""

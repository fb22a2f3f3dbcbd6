"""ATT changes, releases and redeploys itself: one cycle from a branch to a release that proved itself."""

"""Parts of ASHA and Hyperband: rungs, promotions, and the inner strategy that proposes new networks."""
